"""``sam`` and ``sam2``: the masks that SAM or SAM 2 offers by itself (Kirillov et al. 2023, Ravi
et al. 2024), through transformers.

The image is embedded once and the model asked at a grid of points, each of which gets three
masks; ``automatic.py`` tells which are kept.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, ClassVar

import torch

from refmask.errors import ConfigurationError, ModelError
from refmask.ops.devices import choose_device, choose_precision, precision_name
from refmask.ops.images import checked
from refmask.ops.reading import in_short
from refmask.proposals.sam.automatic import generate
from refmask.proposals.sam.network import Network, load_network
from refmask.proposals.sam.source import SAM, SAM2, Family, Source, find_model, fingerprint
from refmask.proposals.sam.thresholds import PRESETS, Thresholds, resolve
from refmask.types import MaskProposals, UInt8Array

__all__ = ["PRESETS", "Sam", "Sam2"]

#: Counted up whenever the same image gets other masks than before.
VERSION = 1


@dataclass(frozen=True)
class Sam:
    """Proposes the masks of SAM's automatic mask generation, without its crops.

    Attributes:
        model: ``ORG/REPO`` on the Hugging Face hub, or a folder that ``save_pretrained`` wrote.
        preset: "zero-shot" (8 points a side, 0.7, 0.7, 800 pixels), which zero-shot referring
            segmentation uses, "sam" (32, 0.88, 0.95, 0) or "sam2" (32, 0.8, 0.95, 0), the
            defaults of the models' own generators; all with ``nms`` 0.7. Each of the next five,
            where given, goes before the preset's.
        points_per_side: see ``thresholds.Thresholds``, as for the next four.
        pred_iou: least predicted IoU, exclusive.
        stability: least stability score, inclusive.
        min_area: in pixels, as the models' own generators have it: holes and islands below it are
            removed; a mask with no larger part is dropped.
        nms: largest IoU of two masks' boxes.
        points_per_batch: points put to the model at a time; less needs less memory.
        limit: the largest number of masks per image, or None.
        precision: of the image encoder: "fp32", "bf16", or "auto" (bf16 where the device
            multiplies it natively).
        device: "auto" (CUDA where there is one), or any torch device.

    Raises:
        ConfigurationError: for settings out of range, all of them at once.
        MissingResource: when transformers is not installed.
        WeightsUnavailable: when the model is neither on disk nor to be fetched.
        ModelError: when the model is of another family (WeightsError: has no safetensors).
    """

    model: str = "facebook/sam-vit-base"
    preset: str = "zero-shot"
    points_per_side: int | None = None
    pred_iou: float | None = None
    stability: float | None = None
    min_area: int | None = None
    nms: float | None = None
    points_per_batch: int = 64
    limit: int | None = None
    precision: str = "auto"
    device: str = "auto"

    family: ClassVar[Family] = SAM

    def __post_init__(self) -> None:
        faults = self._thresholds.faults()
        if self.points_per_batch < 1:
            faults.append(f"points_per_batch from 1, got {self.points_per_batch}")
        if self.limit is not None and self.limit < 1:
            faults.append(f"limit from 1, got {self.limit}")
        if faults:
            raise ConfigurationError(f"expected {self.family.name}'s {'; '.join(faults)}")
        _ = self._place, self._source

    def configuration(self) -> dict[str, Any]:
        """All that the masks depend on; the model by the SHA-256 of its files."""
        return {
            "proposer": self.family.name,
            "version": VERSION,
            **asdict(self._thresholds),
            "limit": self.limit,
            "precision": precision_name(self._place[1]),
            **self._fingerprints,
        }

    def propose(self, image: UInt8Array) -> MaskProposals:
        """Masks of an image.

        Args:
            image: uint8 RGB (H, W, 3), any size from 1x1.

        Returns:
            Masks with the predicted IoU as quality, best first; possibly none.

        Raises:
            ImageError: when the array is not a uint8 RGB image.
            WeightsError: when the weights are damaged or do not fit, at the first image.
            ModelError: when the model cannot be built or run as its ``config.json`` says.
        """
        image, network = checked(image), self._network
        try:
            return generate(network, image, self._thresholds, self.points_per_batch, self.limit)
        except torch.OutOfMemoryError:
            raise
        except (LookupError, RuntimeError, TypeError, ValueError) as error:
            raise ModelError(
                f"the model in {self._source.folder} cannot run as its config.json says "
                f"({in_short(error)}); fetch it again"
            ) from error

    @cached_property
    def _thresholds(self) -> Thresholds:
        return resolve(
            self.preset,
            points_per_side=self.points_per_side,
            pred_iou=self.pred_iou,
            stability=self.stability,
            min_area=self.min_area,
            nms=self.nms,
        )

    @cached_property
    def _place(self) -> tuple[torch.device, torch.dtype]:
        device = choose_device(self.device)
        return device, choose_precision(self.precision, device)

    @cached_property
    def _source(self) -> Source:
        return find_model(self.model, self.family)

    @cached_property
    def _fingerprints(self) -> dict[str, str]:
        return {
            "weights_sha256": fingerprint(self._source.weights),
            "settings_sha256": fingerprint(self._source.settings),
        }

    @cached_property
    def _network(self) -> Network:
        return load_network(self._source, self.family, *self._place)


@dataclass(frozen=True)
class Sam2(Sam):
    """As :class:`Sam`, with SAM 2, whose published models are smaller and faster."""

    model: str = "facebook/sam2.1-hiera-small"

    family: ClassVar[Family] = SAM2
