"""Masked attention pooling in open_clip's modified ResNet (equation 2).

This is the only file that touches the private parts of that class: its stem, its four layers
and the attention pool's input.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.nn import functional


class ResnetTower:
    """A modified ResNet whose attention pool sees only a mask's places.

    Args:
        visual: an ``open_clip.modified_resnet.ModifiedResNet``.
    """

    family = "resnet"
    settings = frozenset({"unit_places"})

    def __init__(self, visual: Any) -> None:
        self.visual = visual
        side = round((len(visual.attnpool.positional_embedding) - 1) ** 0.5)
        self.grid = (side, side)

    def look(self, pixels: Tensor, unit_places: bool = False) -> Callable[[Tensor], Tensor]:
        """Compute the feature map; the returned function masks it before attention pooling.

        Args:
            pixels: float (1, 3, S, S).
            unit_places: L2-normalise the feature map at each place (``Compat.unit_places``).

        Returns:
            A function from masks (N, h, w), 0 to 1, to features (N, D). The feature map is
            multiplied by the mask before query, key and value are computed.
        """
        visual = self.visual
        features = visual.stem(pixels)
        for layer in (visual.layer1, visual.layer2, visual.layer3, visual.layer4):
            features = layer(features)
        if unit_places:
            features = functional.normalize(features, dim=1)

        def pool(masks: Tensor) -> Tensor:
            # (1, C, h, w) * (N, 1, h, w)
            feature: Tensor = visual.attnpool(features * masks[:, None].to(features.dtype))
            return feature

        return pool
