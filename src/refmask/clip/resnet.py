"""Masked attention pooling in open_clip's modified ResNet (equation 2).

This is the only file that touches the private parts of that class: its stem, its four layers,
the attention pool's input and its value and output projections.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from refmask.errors import ConfigurationError


class ResnetTower:
    """A modified ResNet whose attention pool sees only a mask's places.

    Args:
        visual: an ``open_clip.modified_resnet.ModifiedResNet``, in float32.
        precision: torch.float32 or torch.bfloat16, of convolutions and matrix products.
    """

    family = "resnet"
    settings = frozenset({"unit_places"})
    maps = frozenset({"features"})
    stride = 32

    def __init__(self, visual: Any, precision: torch.dtype) -> None:
        self.visual = visual
        self.precision = precision
        side = round((len(visual.attnpool.positional_embedding) - 1) ** 0.5)
        self.grid = (side, side)

    def encode(self, pixels: Tensor) -> Tensor:
        """Ordinary image features: pixels (B, 3, S, S) to (B, D)."""
        return self.pool(self.dense(pixels, "features"))

    def look(self, pixels: Tensor, unit_places: bool = False) -> Callable[[Tensor], Tensor]:
        """Compute the feature map; the returned function masks it before attention pooling.

        Args:
            pixels: float (1, 3, S, S).
            unit_places: L2-normalise the feature map at each place (``Compat.unit_places``).

        Returns:
            A function from masks (N, h, w), 0 to 1, to features (N, D). The feature map is
            multiplied by the mask before query, key and value are computed.
        """
        features = self.dense(pixels, "features")
        if unit_places:
            features = functional.normalize(features, dim=1)

        def pool(masks: Tensor) -> Tensor:
            # (1, C, h, w) * (N, 1, h, w)
            return self.pool(features * masks[:, None].to(features.dtype))

        return pool

    def pool(self, features: Tensor) -> Tensor:
        """Attention pooling: feature maps (B, C, h, w) at ``grid`` to features (B, D)."""
        pooled: Tensor = self.visual.attnpool(features)
        return pooled

    def places(self, pixels: Tensor, bias_seed: int | None = None) -> Tensor:
        """What attention pooling would answer for each place alone, positions left out.

        The value and the output projection of the attention pool, as two 1x1 convolutions over
        the feature map: Zhou et al., "Extract Free Dense Labels from CLIP" (ECCV 2022), section
        3.2.

        Args:
            pixels: float (1, 3, S, S).
            bias_seed: see ``Compat``.

        Returns:
            (1, D, h, w).
        """
        # (1, C, h, w) -> (1, h, w, C), what linear layers take
        features = self.dense(pixels, "features").movedim(1, 3)
        for name in ("v_proj", "c_proj"):
            layer = getattr(self.visual.attnpool, name)
            bias = layer.bias if bias_seed is None else _drawn_bias(name, layer, bias_seed)
            features = functional.linear(features, layer.weight, bias)
        return features.movedim(3, 1)

    def dense(self, pixels: Tensor, kind: str) -> Tensor:
        """The last layer's feature map, for a picture of any size.

        Args:
            pixels: float (1, 3, H, W), sides of at least 32; what exceeds a multiple of 32 is lost.
            kind: "features", the only one.

        Returns:
            (1, C, H // 32, W // 32), not negative.

        Raises:
            ConfigurationError: for another kind.
        """
        if kind not in self.maps:
            raise ConfigurationError(
                f"expected the map 'features' of a ResNet, got {kind!r}; take a vision transformer"
            )
        visual = self.visual
        features: Tensor = visual.stem(pixels)
        for layer in (visual.layer1, visual.layer2, visual.layer3, visual.layer4):
            features = layer(features)
        return features


def _drawn_bias(name: str, layer: Any, seed: int) -> Tensor:
    """The initial bias of a convolution, the same in every run: uniform, by name and seed."""
    generator = np.random.Generator(np.random.PCG64(zlib.crc32(f"{name}.bias".encode()) ^ seed))
    bound = layer.in_features**-0.5
    drawn = generator.uniform(-bound, bound, layer.out_features)
    return torch.from_numpy(drawn).to(layer.weight)
