"""Fast form of the modified ResNet: folded batch norms, and one query in attention pooling."""

from __future__ import annotations

import copy
import zlib
from collections.abc import Callable
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from refmask.clip.kernels.linear import PLACES
from refmask.clip.resnet import ModifiedResNet
from refmask.errors import ConfigurationError
from refmask.ops.devices import exact_convolutions

#: Bytes of the largest feature map that a CPU computes at a time: 20 images of RN50 in bf16.
#: What is larger, Linux hands out and clears anew each time, which took RN50 2 to 7 % of its time.
BYTES = 2**25


class ResnetTower:
    """A modified ResNet whose attention pool sees only a mask's places.

    Pixels and features are float32 on the tower's device.

    Args:
        visual: in float32.
        precision: torch.float32 or torch.bfloat16, of the convolutions; attention pooling is in
            float32, which costs next to no time.

    Attributes:
        family: names the compatibility record.
        settings: keyword arguments of ``masked``.
        maps: kinds of maps that ``dense`` gives.
        grid: h, w of the feature map that masks are applied to.
        stride: pixels between its places.
    """

    family = "resnet"
    settings = frozenset({"unit_places"})
    maps = frozenset({"features"})
    stride = 32

    def __init__(self, visual: ModifiedResNet, precision: torch.dtype) -> None:
        self.visual = visual
        self.precision = precision
        self.grid = visual.grid

    @cached_property
    def trunk(self) -> Trunk:
        """The convolutions, made when first asked for: by then the weights are there."""
        return Trunk(self.visual, self.precision)

    def encode(self, pixels: Tensor) -> Tensor:
        """Ordinary image features: pixels (B, 3, S, S) to (B, D)."""
        return self.pool(self.trunk(pixels))

    def masked(self, pixels: Tensor, unit_places: bool = False) -> Callable[[Tensor], Tensor]:
        """Compute the feature map; the returned function masks it before attention pooling.

        Args:
            pixels: (1, 3, S, S).
            unit_places: L2-normalise the feature map at each place (``Compat.unit_places``).

        Returns:
            A function from masks (N, h, w), 0 to 1, any number, to features (N, D), as
            ``ModifiedResNet.masked`` defines them.
        """
        features = self.trunk(pixels)
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
        tokens = pool.tokens(features)  # (B, 1 + h*w, C), the mean first
        # (C, C) -> (heads, C / heads, C)
        key, value = (
            layer.weight.view(pool.heads, -1, tokens.shape[2])
            for layer in (pool.k_proj, pool.v_proj)
        )
        query = pool.q_proj(tokens[:, 0]).view(-1, pool.heads, key.shape[1])
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
            pixels: (1, 3, S, S).
            bias_seed: see ``Compat``.

        Returns:
            (1, D, h, w).
        """
        # (1, C, h, w) -> (1, h, w, C), what linear layers take
        features = self.trunk(pixels).movedim(1, 3)
        for name in ("v_proj", "c_proj"):
            layer = getattr(self.visual.attnpool, name)
            bias = layer.bias if bias_seed is None else _drawn_bias(name, layer, bias_seed)
            features = functional.linear(features, layer.weight, bias)
        return features.movedim(3, 1)

    def dense(self, pixels: Tensor, kind: str) -> Tensor:
        """The last layer's feature map, for an image of any size.

        Args:
            pixels: (1, 3, H, W), sides of at least 32; what exceeds a multiple of 32 is lost.
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


def _drawn_bias(name: str, layer: nn.Linear, seed: int) -> Tensor:
    """The initial bias of a convolution, the same in every run: uniform, by name and seed."""
    generator = np.random.Generator(np.random.PCG64(zlib.crc32(f"{name}.bias".encode()) ^ seed))
    bound = layer.in_features**-0.5
    drawn = generator.uniform(-bound, bound, layer.out_features)
    return torch.from_numpy(drawn).to(layer.weight)


class Trunk:
    """All of a ResNet but its attention pool, with batch norms as part of convolutions.

    Convolutions, sums and pools run in ``precision``, channels last. Sums in float32 would bring
    bfloat16 an eighth closer to float32, and take a fifth more time.

    Args:
        visual: in float32. Its weights are copied.
        precision: torch.float32 or torch.bfloat16.
    """

    def __init__(self, visual: ModifiedResNet, precision: torch.dtype) -> None:
        self.precision = precision
        self._folded = copy.deepcopy(visual, {id(visual.attnpool): nn.Identity()})
        for module in list(self._folded.modules()):
            for (_, convolution), (name, norm) in pairwise(list(module.named_children())):
                if isinstance(norm, nn.BatchNorm2d):
                    _fold(convolution, norm)
                    setattr(module, name, nn.Identity())
        self._folded.to(precision).to(memory_format=torch.channels_last)

    def __call__(self, pixels: Tensor) -> Tensor:
        """The last layer's feature maps: float32 (B, 3, H, W) to (B, C, H // 32, W // 32)."""
        together = len(pixels)
        if pixels.device.type == "cpu":
            height, width = pixels.shape[2:]
            channels = self._folded.conv3.out_channels
            largest = channels * (height * width // 4) * self.precision.itemsize
            together = max(1, BYTES // largest)
        with exact_convolutions(self.precision):
            return torch.cat([self._run(part) for part in torch.split(pixels, together)])

    def _run(self, pixels: Tensor) -> Tensor:
        pixels = pixels.to(self.precision, memory_format=torch.channels_last)
        return self._folded.features(pixels).float()


@torch.no_grad()
def _fold(convolution: Any, norm: Any) -> None:
    """Make a frozen batch norm part of the convolution before it.

    (x - mean) / sqrt(variance + eps) * weight + bias, put into filters and biases.
    """
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    convolution.weight = nn.Parameter(convolution.weight * scale[:, None, None, None], False)
    convolution.bias = nn.Parameter(norm.bias - norm.running_mean * scale, False)
