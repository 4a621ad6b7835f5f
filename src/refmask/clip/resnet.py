"""Masked attention pooling in open_clip's modified ResNet (equation 2).

This is the only file that touches the private parts of its attention pool; ``convolutions.py``
knows the rest.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from refmask.clip.convolutions import Trunk
from refmask.clip.families import PLACES
from refmask.errors import ConfigurationError


class ResnetTower:
    """A modified ResNet whose attention pool sees only a mask's places.

    Args:
        visual: an ``open_clip.modified_resnet.ModifiedResNet``, in float32.
        precision: torch.float32 or torch.bfloat16, of the convolutions; attention pooling is in
            float32, which costs next to no time.
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

    @cached_property
    def trunk(self) -> Trunk:
        """The convolutions, made when first asked for: by then the weights are there."""
        return Trunk(self.visual, self.precision)

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
        some = max(1, PLACES // features[0, 0].numel())

        def pool(masks: Tensor) -> Tensor:
            # (1, C, h, w) * (N, 1, h, w), some masks at a time
            parts = torch.split(masks[:, None], some)
            return torch.cat([self.pool(features * part) for part in parts])

        return pool

    def pool(self, features: Tensor) -> Tensor:
        """Attention pooling: feature maps (B, C, h, w) at ``grid`` to features (B, D).

        Of all tokens' queries only the mean's is read. So a head's keys need not be computed: its
        key weights turn the query into a direction among channels, which meets the tokens
        themselves; and its value weights apply to the tokens' one weighted sum. The same answer
        in a fifteenth of the time. The keys' bias is left out: it shifts all logits of a head
        alike.
        """
        pool = self.visual.attnpool
        places = features.flatten(2).transpose(1, 2)
        tokens = torch.cat([places.mean(dim=1, keepdim=True), places], dim=1)
        tokens += pool.positional_embedding  # (B, 1 + h*w, C), the mean first
        # (C, C) -> (heads, C / heads, C)
        key, value = (
            layer.weight.unflatten(0, (pool.num_heads, -1)) for layer in (pool.k_proj, pool.v_proj)
        )
        query = pool.q_proj(tokens[:, 0]).unflatten(1, (pool.num_heads, -1))
        sought = torch.einsum("bhd,hdc->bhc", query * query.shape[2] ** -0.5, key)
        attention = (sought @ tokens.transpose(1, 2)).softmax(dim=2)  # (B, heads, 1 + h*w)
        values = torch.einsum("bhc,hdc->bhd", attention @ tokens, value)
        pooled: Tensor = pool.c_proj(values.flatten(1) + pool.v_proj.bias)
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
        return self.trunk(pixels)


def _drawn_bias(name: str, layer: Any, seed: int) -> Tensor:
    """The initial bias of a convolution, the same in every run: uniform, by name and seed."""
    generator = np.random.Generator(np.random.PCG64(zlib.crc32(f"{name}.bias".encode()) ^ seed))
    bound = layer.in_features**-0.5
    drawn = generator.uniform(-bound, bound, layer.out_features)
    return torch.from_numpy(drawn).to(layer.weight)
