"""Which image towers masking is defined for.

A family is one file that touches open_clip's private parts and gives them this shape.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from refmask.errors import UnsupportedTower

#: open_clip's class name of an image tower -> our file and class for it.
FAMILIES = {
    "VisionTransformer": ("refmask.clip.vit", "VitTower"),
    "ModifiedResNet": ("refmask.clip.resnet", "ResnetTower"),
}
#: Places of feature maps, tokens for transformers, that go through a tower at a time. It bounds
#: memory. On a CPU, 400 are about as fast per place and 5,000 are slower, by up to a third.
PLACES = 2560


class Tower(Protocol):
    """An image tower that can be asked about masks in their context.

    Pixels and features are float32 on the tower's device; inside it computes in its own precision.
    """

    #: "vit" or "resnet"; also names the compatibility record.
    family: str
    #: h, w of the feature map that masks are applied to.
    grid: tuple[int, int]
    #: Keyword arguments that ``look`` takes.
    settings: frozenset[str]
    #: Kinds of maps that ``dense`` gives.
    maps: frozenset[str]
    #: Pixels between the places of those maps; pictures have sides of multiples of it.
    stride: int

    def encode(self, pixels: Tensor) -> Tensor:
        """Ordinary image features: pixels (B, 3, S, S) to (B, D)."""
        ...

    def look(self, pixels: Tensor, **settings: Any) -> Callable[[Tensor], Tensor]:
        """Compute what all masks share, once.

        Args:
            pixels: float (1, 3, S, S).
            settings: the family's own, out of ``settings``.

        Returns:
            A function from soft grid masks (N, h, w), any number of them, to features (N, D).
        """
        ...

    def dense(self, pixels: Tensor, kind: str) -> Tensor:
        """One feature per place of a picture of any size.

        Args:
            pixels: float (1, 3, H, W), sides multiples of ``stride``.
            kind: one of ``maps``.

        Returns:
            float (1, D', H // stride, W // stride), D' the tower's own width.
        """
        ...


@runtime_checkable
class RegionTower(Tower, Protocol):
    """A tower of tokens, to which tokens for regions can be added."""

    def regions(self, pixels: Tensor, **settings: Any) -> Callable[[Tensor], Tensor]:
        """Compute what all regions share, once.

        Args:
            pixels: float (1, 3, S, S).
            settings: the region token's fields of ``Compat``.

        Returns:
            A function from regions, bool (N, h, w), any number, to features (N, D).
        """
        ...


@runtime_checkable
class PooledTower(Tower, Protocol):
    """A tower that pools a feature map by attention."""

    def pool(self, features: Tensor) -> Tensor:
        """Feature maps (B, C, h, w) at ``grid``, ``dense``'s "features", to features (B, D)."""
        ...

    def places(self, pixels: Tensor, bias_seed: int | None = None) -> Tensor:
        """Features of the joint space at each place: pixels (1, 3, S, S) to (1, D, h, w)."""
        ...


def tower_of(visual: nn.Module, precision: torch.dtype = torch.float32) -> Tower:
    """Our view of an open_clip image tower.

    Its weights are read when the first picture comes, and must not change after that.

    Args:
        visual: the tower, in float32.
        precision: torch.float32 or torch.bfloat16, of its matrix products and convolutions.

    Raises:
        UnsupportedTower: when masking is not defined for it, naming what is supported.
    """
    name = type(visual).__name__
    if name not in FAMILIES:
        raise UnsupportedTower(
            "expected open_clip's VisionTransformer with a class token or its ModifiedResNet, got "
            f"{name}; try ViT-B-32-quickgelu, ViT-B-16, ViT-L-14, RN50-quickgelu or 'embedded'"
        )
    module, cls = FAMILIES[name]
    tower: Tower = getattr(importlib.import_module(module), cls)(visual, precision)
    return tower
