"""Dense backbones: feature maps of an image from any CLIP or any of timm's networks.

``find_backbone`` checks settings and files without building the network, so that errors come before
the first image; ``DenseBackbone`` builds it for the first image.
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

#: Prefix of timm's names.
TIMM = "timm/"
#: "features" is the last feature map, "keys" the keys of the last attention.
KINDS = ("features", "keys")


class Network(Protocol):
    """A network with its weights, on its device."""

    @property
    def statistics(self) -> PixelStatistics:
        """Pixel statistics of its weights; the side is not used."""
        ...

    def dense(self, pixels: Tensor, kind: str) -> Tensor:
        """(1, 3, H, W), sides multiples of ``Source.multiple``, to a feature map (1, D, h, w)."""
        ...


class Source(Protocol):
    """A network whose weights are on disk, not built yet."""

    @property
    def stride(self) -> int:
        """Pixels between two positions of its feature maps."""
        ...

    @property
    def multiple(self) -> int:
        """The sides of its input are multiples of it."""
        ...

    def identity(self) -> dict[str, str]:
        """Its name and the SHA-256 of its files."""
        ...

    def build(self, device: torch.device, precision: str) -> Network:
        """The network in evaluation mode."""
        ...


@dataclass(frozen=True)
class DenseBackbone:
    """One kind of feature map of one network.

    Attributes:
        source: the network.
        kind: "features" or "keys".
        device: of the network.
        precision: torch.float32 or torch.bfloat16, of the network; feature maps are float32.
    """

    source: Source
    kind: str
    device: torch.device
    precision: torch.dtype

    @cached_property
    def network(self) -> Network:
        """The network, built on first use.

        Raises:
            WeightsError: when the weights are damaged or belong to another network.
            UnsupportedTower: when a CLIP's image tower has no feature maps.
        """
        return self.source.build(self.device, precision_name(self.precision))

    def configuration(self) -> dict[str, str]:
        """All that its feature maps depend on, apart from the image."""
        return self._identity | {"precision": precision_name(self.precision)}

    def proposer_configuration(
        self, proposer: str, version: int, settings: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The configuration of a proposer that uses these feature maps.

        Args:
            proposer: its name.
            version: incremented whenever the same image gets other masks than before.
            settings: all of its fields; those that select the network are replaced by its identity.
        """
        selecting = ("backbone", "weights", "device", "precision")
        others = {name: value for name, value in settings.items() if name not in selecting}
        return {"proposer": proposer, "version": version, **others, **self.configuration()}

    @torch.inference_mode()
    def encode(
        self, image: UInt8Array, size: tuple[int, int], resampling: Image.Resampling
    ) -> Tensor:
        """The feature map of an image.

        Args:
            image: uint8 RGB (H, W, 3), checked by ``ops.images.checked``.
            size: height and width of the network's input, pixels; rounded to the nearest positive
                multiple that the network takes.
            resampling: of the resize, antialiased where it shrinks.

        Returns:
            float32 (D, h, w) on ``device``, with h, w about ``size / source.stride``.
        """
        multiple = self.source.multiple
        height, width = (max(1, round(side / multiple)) * multiple for side in size)
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


def find_backbone(
    name: str, weights: str | None, kind: str, device: str, precision: str
) -> DenseBackbone:
    """A network by name, its weights located but not read yet.

    Args:
        name: "timm/NAME" for a network of timm's; else a model of ``refmask.clip.load_clip``:
            "embedded", an open_clip model name, ``hf-hub:ORG/REPO`` or a folder.
        weights: a local file, for a CLIP also a tag or a hub id, or None for the default: those in
            a CLIP's folder, or those timm publishes on the Hugging Face hub.
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
        raise ConfigurationError(f"maps are 'features' or 'keys', not {kind!r}")
    chosen_device = choose_device(device)
    source: Source
    if name.startswith(TIMM):
        from refmask.proposals.backbones.timm_networks import find_timm

        source = find_timm(name.removeprefix(TIMM), weights, kind)
    else:
        from refmask.proposals.backbones.clip_towers import find_clip

        source = find_clip(name, weights, kind)
    precision_type = choose_precision(precision, chosen_device)
    return DenseBackbone(source, kind, chosen_device, precision_type)


def check_keys(kind: str, has_keys: bool, name: str) -> None:
    """Raise ConfigurationError for the keys of a network that has none."""
    if kind == "keys" and not has_keys:
        raise ConfigurationError(
            f"{name} is not a vision transformer whose last attention has keys; choose another "
            "backbone, or its features"
        )
