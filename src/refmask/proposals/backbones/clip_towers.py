"""A CLIP's image tower as a dense backbone."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from refmask.clip.sources import find_model, find_weights
from refmask.errors import WeightsError
from refmask.ops.pixels import PixelStatistics
from refmask.proposals.backbones import check_keys
from refmask.weights.hashing import sha256_of

#: Pixels between positions of the modified ResNets' feature maps.
RESNET_STRIDE = 32


@dataclass(frozen=True)
class ClipSource:
    """A CLIP whose weights are on disk.

    Attributes:
        model: for ``load_clip``.
        weights: for ``load_clip``.
        name: the model's, without the path of a local one.
        architecture: SHA-256 of its configuration, which a local model can set freely.
        path: the weights file.
        stride: pixels between positions; the sides of the input are multiples of it.
    """

    model: str
    weights: str | None
    name: str
    architecture: str
    path: Path
    stride: int

    @property
    def multiple(self) -> int:
        """As ``stride``."""
        return self.stride

    def identity(self) -> dict[str, str]:
        """Name, and the SHA-256 of configuration and weights."""
        return {
            "backbone": self.name,
            "architecture_sha256": self.architecture,
            "weights_sha256": sha256_of(self.path),
        }

    def build(self, device: torch.device, precision: str) -> ClipNetwork:
        """The tower; see ``load_clip`` for the errors."""
        from refmask.clip import load_clip

        clip = load_clip(self.model, self.weights, device=str(device), precision=precision)
        return ClipNetwork(clip.tower, clip.statistics)


@dataclass(frozen=True)
class ClipNetwork:
    """An image tower with its statistics."""

    tower: Any
    statistics: PixelStatistics

    def dense(self, pixels: Tensor, kind: str) -> Tensor:
        """See ``Network.dense``."""
        features: Tensor = self.tower.dense(pixels, kind)
        return features


def find_clip(model: str, weights: str | None, kind: str) -> ClipSource:
    """A CLIP by name; see ``find_backbone``."""
    source = find_model(model)
    vision = source.model_cfg["vision_cfg"]
    resnet = isinstance(vision.get("layers"), list)
    check_keys(kind, not resnet, model)
    path, preprocess = find_weights(source, weights)
    if not path.is_file():
        raise WeightsError(f"there is no weights file at {path}; check the path")
    configuration = json.dumps([source.model_cfg, preprocess], sort_keys=True)
    return ClipSource(
        model=model,
        weights=weights,
        name=Path(model).name if Path(model).exists() else model,
        architecture=hashlib.sha256(configuration.encode()).hexdigest(),
        path=path,
        stride=RESNET_STRIDE if resnet else int(vision.get("patch_size") or 16),
    )
