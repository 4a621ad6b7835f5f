"""ResNet-101 without its classifier, the trunk of the pyramid (He et al. 2016).

Batch norm is frozen and folded into the convolutions once the weights are loaded.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

#: Blocks, inner and outer channels of the stages res2 to res5.
STAGES = {
    "res2": (3, 64, 256),
    "res3": (4, 128, 512),
    "res4": (23, 256, 1024),
    "res5": (3, 512, 2048),
}
EPSILON = 1e-5


class FrozenBatchNorm(nn.Module):
    """The four vectors of a batch norm, kept for ``FoldedConv``: (C,) each."""

    weight: Tensor
    bias: Tensor
    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        for name in ("weight", "bias", "running_mean", "running_var"):
            self.register_buffer(name, torch.empty(channels))


class FoldedConv(nn.Conv2d):
    """A convolution followed by a frozen batch norm; to be folded before use."""

    def __init__(self, inner: int, outer: int, size: int, stride: int = 1) -> None:
        super().__init__(inner, outer, size, stride, padding=size // 2, bias=False)
        self.norm = FrozenBatchNorm(outer)

    def fold(self) -> None:
        """Put ``(x - mean) / sqrt(var + eps) * weight + bias`` into filters and biases (fp32)."""
        norm = self.norm.float()
        scale = norm.weight / torch.sqrt(norm.running_var + EPSILON)
        self.weight = nn.Parameter(self.weight.float() * scale[:, None, None, None])
        self.bias = nn.Parameter(norm.bias - norm.running_mean * scale)
        del self.norm


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions beside a shortcut; the stride is in the 3x3."""

    def __init__(self, incoming: int, inner: int, outer: int, stride: int) -> None:
        super().__init__()
        self.shortcut = FoldedConv(incoming, outer, 1, stride) if incoming != outer else None
        self.conv1 = FoldedConv(incoming, inner, 1)
        self.conv2 = FoldedConv(inner, inner, 3, stride)
        self.conv3 = FoldedConv(inner, outer, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(1, incoming, H, W) to (1, outer, H / stride, W / stride)."""
        y = functional.relu_(self.conv1(x))
        y = functional.relu_(self.conv2(y))
        y = self.conv3(y)
        y += x if self.shortcut is None else self.shortcut(x)
        return functional.relu_(y)


class Stem(nn.Module):
    """7x7 convolution and max-pooling, each of stride 2."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = FoldedConv(3, 64, 7, 2)

    def forward(self, x: Tensor) -> Tensor:
        """(1, 3, H, W) to (1, 64, H / 4, W / 4)."""
        x = functional.relu_(self.conv1(x))
        return functional.max_pool2d(x, 3, 2, 1)


class ResNet(nn.Module):
    """Stem and four stages."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = Stem()
        incoming = 64
        for name, (count, inner, outer) in STAGES.items():
            stride = 1 if name == "res2" else 2
            blocks = [Bottleneck(incoming, inner, outer, stride)]
            blocks += [Bottleneck(outer, inner, outer, 1) for _ in range(1, count)]
            self.add_module(name, nn.Sequential(*blocks))
            incoming = outer

    def forward(self, x: Tensor) -> list[Tensor]:
        """(1, 3, H, W) to the outputs of res2 to res5, (1, C, H / s, W / s) for s = 4 to 32."""
        x = self.stem(x)
        outputs = []
        for name in STAGES:
            x = self.get_submodule(name)(x)
            outputs.append(x)
        return outputs


CHANNELS = 256


class Pyramid(nn.Module):
    """ResNet and the pyramid on its four stages."""

    def __init__(self) -> None:
        super().__init__()
        self.bottom_up = ResNet()
        for level, (_, _, channels) in enumerate(STAGES.values(), start=2):
            self.add_module(f"fpn_lateral{level}", nn.Conv2d(channels, CHANNELS, 1))
            self.add_module(f"fpn_output{level}", nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1))

    def forward(self, x: Tensor) -> list[Tensor]:
        """(1, 3, H, W) to p2 to p6: (1, 256, H / s, W / s) for s = 4 to 64."""
        stages = self.bottom_up(x)
        outputs: list[Tensor] = []
        merged: Tensor | None = None
        for level in (5, 4, 3, 2):
            lateral = self.get_submodule(f"fpn_lateral{level}")(stages.pop())
            if merged is not None:
                lateral += functional.interpolate(merged, lateral.shape[-2:], mode="nearest")
            merged = lateral
            outputs.insert(0, self.get_submodule(f"fpn_output{level}")(merged))
        return [*outputs, functional.max_pool2d(outputs[-1], 1, 2)]
