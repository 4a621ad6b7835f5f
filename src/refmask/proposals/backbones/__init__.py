"""Dense backbones: one deep feature per place of an image, by any CLIP or any of timm's networks.

``find_backbone`` settles everything that can be settled without building the network, so that a
wrong setting or a missing file is told before the first image; ``DenseBackbone`` builds it when
the first image comes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from refmask.errors import ConfigurationError
from refmask.ops.devices import (
    choose_device,
    choose_precision,
    exact_convolutions,
    precision_name,
)
from refmask.ops.pixels import PixelStatistics, normalize_pixels
from refmask.types import UInt8Array

#: Before a name of timm's.
TIMM = "timm/"
#: "features" is the last map, "keys" what the last attention compares queries with.
KINDS = ("features", "keys")


class Network(Protocol):
    """A network with its weights, on its device."""

    @property
    def statistics(self) -> PixelStatistics:
        """How its weights want pixels; the side does not matter here."""
        ...

    def dense(self, pixels: Tensor, kind: str) -> Tensor:
        """(1, 3, H, W), sides multiples of ``Source.multiple``, to a map (1, D, h, w)."""
        ...


class Source(Protocol):
    """A network that is known and whose weights are here, but that is not built."""

    @property
    def stride(self) -> int:
        """Pixels between two places of its maps."""
        ...

    @property
    def multiple(self) -> int:
        """Images have sides that are multiples of it."""
        ...

    def identity(self) -> dict[str, str]:
        """What tells it from other networks: its name and the SHA-256 of its files."""
        ...

    def build(self, device: torch.device, precision: str) -> Network:
        """The network in evaluation mode."""
        ...


@dataclass(frozen=True)
class DenseBackbone:
    """One kind of map of one network.

    Attributes:
        source: the network.
        kind: "features" or "keys".
        device: where it computes.
        precision: torch.float32 or torch.bfloat16, of the network; maps are float32.
    """

    source: Source
    kind: str
    device: torch.device
    precision: torch.dtype

    @cached_property
    def network(self) -> Network:
        """The network, built when first asked for.

        Raises:
            WeightsError: when the weights are damaged or belong to another network.
            UnsupportedTower: when a CLIP's image tower has no maps.
        """
        return self.source.build(self.device, self._precision_name)

    def configuration(self) -> dict[str, str]:
        """What its maps depend on, apart from the image."""
        return self._identity | {"precision": self._precision_name}

    def told(self, proposer: str, version: int, settings: Mapping[str, Any]) -> dict[str, Any]:
        """The configuration of a proposer on these maps.

        Args:
            proposer: its name.
            version: counted up whenever the same image gets other masks than before.
            settings: all of its own; for those by which the network was found, what it is stands.
        """
        found_by = ("backbone", "weights", "device", "precision")
        own = {name: value for name, value in settings.items() if name not in found_by}
        return {"proposer": proposer, "version": version, **own, **self.configuration()}

    @torch.inference_mode()
    def look(
        self, image: UInt8Array, size: tuple[int, int], resampling: Image.Resampling
    ) -> Tensor:
        """The map of an image.

        Args:
            image: uint8 RGB (H, W, 3), as ``ops.images.checked`` lets it through.
            size: height and width, pixels, to which it is resized before; rounded to the nearest
                multiple that the network takes, at least one.
            resampling: how it is resized, antialiased where it shrinks.

        Returns:
            float32 (D, h, w) on ``device``, with h, w about ``size / source.stride``.
        """
        height, width = (self._rounded(side) for side in size)
        resized = np.asarray(Image.fromarray(image).resize((width, height), resampling))
        pixels = normalize_pixels(resized, self.network.statistics).to(self.device)
        half = self.precision == torch.bfloat16
        with (
            exact_convolutions(self.precision),
            torch.autocast(self.device.type, torch.bfloat16, enabled=half),
        ):
            features = self.network.dense(pixels, self.kind)
        return features[0].float()

    @cached_property
    def _identity(self) -> dict[str, str]:
        return self.source.identity()

    @property
    def _precision_name(self) -> str:
        return precision_name(self.precision)

    def _rounded(self, side: int) -> int:
        return max(1, round(side / self.source.multiple)) * self.source.multiple


def find_backbone(
    name: str, weights: str | None, kind: str, device: str, precision: str
) -> DenseBackbone:
    """A network by name, its weights found but not yet read.

    Args:
        name: "timm/NAME" for a network of timm's; else what ``refmask.clip.load_clip`` takes as
            a model: "embedded", an open_clip model name, ``hf-hub:ORG/REPO`` or a folder.
        weights: a local file, for a CLIP also a tag or a hub id, or None for the network's own:
            those shipped with a CLIP's folder, those timm publishes on the Hugging Face hub.
        kind: "features" or "keys"; the latter of vision transformers only.
        device: "auto" (CUDA where there is one), or any torch device.
        precision: of the network: "fp32", "bf16", or "auto" (bf16 where the device multiplies it
            natively).

    Raises:
        ConfigurationError: for a name, kind, device or precision that does not exist.
        WeightsError: when the weights file does not exist.
        WeightsUnavailable: when the weights are not in the cache and there is no network.
    """
    if kind not in KINDS:
        raise ConfigurationError(f"expected maps 'features' or 'keys', got {kind!r}")
    place = choose_device(device)
    source: Source
    if name.startswith(TIMM):
        from refmask.proposals.backbones.timm_networks import find_timm

        source = find_timm(name.removeprefix(TIMM), weights, kind)
    else:
        from refmask.proposals.backbones.clip_towers import find_clip

        source = find_clip(name, weights, kind)
    return DenseBackbone(source, kind, place, choose_precision(precision, place))


def check_keys(kind: str, has_keys: bool, name: str) -> None:
    """Raise ConfigurationError when keys are asked of a network that has none."""
    if kind == "keys" and not has_keys:
        raise ConfigurationError(
            f"expected a vision transformer whose last attention has keys, {name} is none; take "
            "another backbone, or its features"
        )
