"""CLIP's modified ResNet, with masked attention pooling (equation 2).

Written for reading; ``kernels/resnet.py`` computes the same features fast.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

#: Channels of a bottleneck's output over those inside it.
EXPANSION = 4


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions beside a shortcut; a stride is an average pool of both."""

    def __init__(self, incoming: int, inner: int, stride: int) -> None:
        super().__init__()
        outgoing = inner * EXPANSION
        self.shrink = nn.AvgPool2d(stride) if stride > 1 else nn.Identity()
        self.conv1 = nn.Conv2d(incoming, inner, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, inner, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3 = nn.Conv2d(inner, outgoing, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outgoing)
        self.downsample = None
        if stride > 1 or incoming != outgoing:
            convolution = nn.Conv2d(incoming, outgoing, 1, bias=False)
            self.downsample = nn.Sequential(
                OrderedDict({"0": convolution, "1": nn.BatchNorm2d(outgoing)})
            )

    def forward(self, maps: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C', H // stride, W // stride), not negative."""
        inner = self.bn1(self.conv1(maps)).relu_()
        inner = self.bn2(self.conv2(inner)).relu_()
        widened: Tensor = self.bn3(self.conv3(self.shrink(inner)))
        if self.downsample is not None:
            maps = self.downsample(self.shrink(maps))
        return widened.add_(maps).relu_()


class AttentionPool(nn.Module):
    """Pools a feature map: its mean attends to itself and to all places."""

    def __init__(self, side: int, width: int, heads: int, output: int) -> None:
        super().__init__()
        self.heads = heads
        self.positional_embedding = nn.Parameter(torch.empty(1 + side**2, width))
        self.k_proj, self.q_proj, self.v_proj = (nn.Linear(width, width) for _ in range(3))
        self.c_proj = nn.Linear(width, output)

    def forward(self, features: Tensor) -> Tensor:
        """Feature maps (B, C, h, w) to features (B, D)."""
        tokens = self.tokens(features)
        # each (B, L, C) -> (B, heads, L, C / heads)
        query, key, value = (
            layer(some).unflatten(2, (self.heads, -1)).transpose(1, 2)
            for layer, some in (
                (self.q_proj, tokens[:, :1]),
                (self.k_proj, tokens),
                (self.v_proj, tokens),
            )
        )
        pooled = functional.scaled_dot_product_attention(query, key, value)
        # (B, heads, 1, C / heads) -> (B, C)
        answer: Tensor = self.c_proj(pooled.flatten(1))
        return answer

    def tokens(self, features: Tensor) -> Tensor:
        """Feature maps (B, C, h, w) to tokens (B, 1 + h*w, C) with positions, the mean first."""
        places = features.flatten(2).transpose(1, 2)  # (B, C, h, w) -> (B, h*w, C)
        tokens = torch.cat([places.mean(dim=1, keepdim=True), places], dim=1)
        tokens += self.positional_embedding
        return tokens


class ModifiedResNet(nn.Module):
    """A ResNet with a stem of three convolutions and attention pooling at its end.

    Args:
        layers: bottlenecks of each of the four stages.
        width: channels of the stem.
        heads: of the attention pool.
        side: S, pixels along each side of an image.
        output: D, width of a feature.
    """

    def __init__(
        self, layers: Sequence[int], width: int, heads: int, side: int, output: int
    ) -> None:
        super().__init__()
        self.image_size, self.output_dim = side, output
        self.grid = (side // 32, side // 32)
        half = width // 2
        self.conv1, self.bn1 = nn.Conv2d(3, half, 3, 2, 1, bias=False), nn.BatchNorm2d(half)
        self.conv2, self.bn2 = nn.Conv2d(half, half, 3, 1, 1, bias=False), nn.BatchNorm2d(half)
        self.conv3, self.bn3 = nn.Conv2d(half, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width)
        self.layer1 = _stage(width, width, layers[0], stride=1)
        self.layer2 = _stage(4 * width, 2 * width, layers[1], stride=2)
        self.layer3 = _stage(8 * width, 4 * width, layers[2], stride=2)
        self.layer4 = _stage(16 * width, 8 * width, layers[3], stride=2)
        self.attnpool = AttentionPool(side // 32, 32 * width, heads, output)

    def forward(self, pixels: Tensor) -> Tensor:
        """Image features: pixels float32 (B, 3, S, S) to (B, D)."""
        pooled: Tensor = self.attnpool(self.features(pixels))
        return pooled

    def masked(self, pixels: Tensor, masks: Tensor) -> Tensor:
        """Mask-guided features by masked attention pooling (equation 2).

        The feature map is multiplied by the mask before query, key and value are computed.

        To read: ``reference.masked_attention_pooling``.

        Args:
            pixels: float32 (1, 3, S, S).
            masks: float32 (N, h, w) at ``grid``, 0 to 1.

        Returns:
            (N, D).
        """
        # (1, C, h, w) * (N, 1, h, w) -> (N, C, h, w)
        pooled: Tensor = self.attnpool(self.features(pixels) * masks[:, None])
        return pooled

    def features(self, pixels: Tensor) -> Tensor:
        """The last layer's feature maps: (B, 3, H, W) to (B, C, H // 32, W // 32)."""
        maps = self.bn1(self.conv1(pixels)).relu_()
        maps = self.bn2(self.conv2(maps)).relu_()
        maps = self.bn3(self.conv3(maps)).relu_()
        maps = functional.avg_pool2d(maps, 2)
        features: Tensor = self.layer4(self.layer3(self.layer2(self.layer1(maps))))
        return features


def _stage(incoming: int, inner: int, count: int, stride: int) -> nn.Sequential:
    """Bottlenecks, the first of which has the stride."""
    first = Bottleneck(incoming, inner, stride)
    rest = (Bottleneck(inner * EXPANSION, inner, 1) for _ in range(count - 1))
    return nn.Sequential(first, *rest)
