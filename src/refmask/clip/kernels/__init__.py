"""Fast forms of the towers: the features that ``vit``, ``resnet`` and ``text`` define, sooner.

They read the weights of the readable modules when first asked, so weights must not change after
that. Tests hold each fast form equal to the readable one.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from refmask.clip.kernels.resnet import ResnetTower
from refmask.clip.kernels.text import CausalTower
from refmask.clip.kernels.vit import VitTower
from refmask.clip.text import TextTransformer
from refmask.clip.vit import VisionTransformer

__all__ = ["ResnetTower", "Tower", "VitTower", "text_tower_of", "tower_of"]

#: An image tower that can be asked about masks in their context.
Tower = VitTower | ResnetTower
#: Texts that go at a time through a tower that is not ours.
BATCH = 64


def tower_of(visual: nn.Module, precision: torch.dtype = torch.float32) -> Tower:
    """The fast form of an image tower.

    Args:
        visual: a ``VisionTransformer`` or a ``ModifiedResNet``, in float32.
        precision: torch.float32 or torch.bfloat16, of its matrix products and convolutions.
    """
    kind = VitTower if isinstance(visual, VisionTransformer) else ResnetTower
    return kind(visual, precision)  # type: ignore[arg-type]


def text_tower_of(text: nn.Module, precision: torch.dtype) -> Callable[[Tensor], Tensor]:
    """The fast form of a text tower.

    Args:
        text: a ``TextTransformer``, or any module from ids to features, in float32.
        precision: torch.float32 or torch.bfloat16, of a ``TextTransformer``'s matrix products;
            other modules compute in float32.

    Returns:
        A function from ids, int64 (T, L), to features, float32 (T, D).
    """
    if isinstance(text, TextTransformer):
        return CausalTower(text, precision)
    return lambda ids: torch.cat([text(some) for some in torch.split(ids, BATCH)])
