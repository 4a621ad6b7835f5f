"""The convolutions of open_clip's modified ResNet, batch norms folded in, as precise as asked.

The only file that touches the private parts of its stem and its bottlenecks.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from refmask.ops.devices import exact_convolutions

#: Bytes of the largest feature map that a CPU computes at a time: 20 pictures of RN50 in bf16.
#: What is larger, Linux hands out and clears anew each time, which took RN50 2 to 7 % of its time.
BYTES = 2**25


class Trunk:
    """All of a ResNet but its attention pool.

    Convolutions, sums and pools run in ``precision``, channels last. Sums in float32 would bring
    bfloat16 an eighth closer to float32, and take a fifth more time.

    Args:
        visual: an ``open_clip.modified_resnet.ModifiedResNet``, in float32. Its weights are
            copied.
        precision: torch.float32 or torch.bfloat16.
    """

    def __init__(self, visual: Any, precision: torch.dtype) -> None:
        self.precision = precision
        self._stem = [
            Convolution(getattr(visual, f"conv{k}"), getattr(visual, f"bn{k}"), precision)
            for k in (1, 2, 3)
        ]
        self._width = int(visual.conv3.out_channels)
        layers = (visual.layer1, visual.layer2, visual.layer3, visual.layer4)
        self._bottlenecks = [Bottleneck(block, precision) for layer in layers for block in layer]

    def __call__(self, pixels: Tensor) -> Tensor:
        """Compute the last layer's feature maps.

        Args:
            pixels: float32 (B, 3, H, W), sides of at least 32.

        Returns:
            float32 (B, C, H // 32, W // 32), not negative.
        """
        together = len(pixels)
        if pixels.device.type == "cpu":
            height, width = pixels.shape[2:]
            largest = self._width * (height * width // 4) * self.precision.itemsize
            together = max(1, BYTES // largest)
        with exact_convolutions(self.precision):
            return torch.cat([self._run(part) for part in torch.split(pixels, together)])

    def _run(self, pixels: Tensor) -> Tensor:
        maps = pixels.to(self.precision, memory_format=torch.channels_last)
        for convolution in self._stem:
            maps = convolution(maps).relu_()
        maps = functional.avg_pool2d(maps, 2)
        for bottleneck in self._bottlenecks:
            maps = bottleneck(maps)
        return maps.float()


class Bottleneck:
    """1x1, 3x3 and 1x1 convolutions beside a shortcut; a stride is an average pool of both.

    Args:
        block: an ``open_clip.modified_resnet.Bottleneck``, in float32.
        precision: torch.float32 or torch.bfloat16.
    """

    def __init__(self, block: Any, precision: torch.dtype) -> None:
        self._stride = int(block.stride)
        self._narrow = Convolution(block.conv1, block.bn1, precision)
        self._spread = Convolution(block.conv2, block.bn2, precision)
        self._widen = Convolution(block.conv3, block.bn3, precision)
        self._shortcut = None
        if block.downsample is not None:
            _, convolution, norm = block.downsample
            self._shortcut = Convolution(convolution, norm, precision)

    def __call__(self, maps: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C', H // stride, W // stride), not negative."""
        inner = self._spread(self._narrow(maps).relu_()).relu_()
        shortcut = maps if self._shortcut is None else self._shortcut(self._pooled(maps))
        return self._widen(self._pooled(inner)).add_(shortcut).relu_()

    def _pooled(self, maps: Tensor) -> Tensor:
        return maps if self._stride == 1 else functional.avg_pool2d(maps, self._stride)


class Convolution:
    """A convolution and the frozen batch norm behind it, as one convolution.

    Args:
        convolution: a ``torch.nn.Conv2d`` without bias, in float32.
        norm: the ``torch.nn.BatchNorm2d`` behind it, in float32.
        precision: torch.float32 or torch.bfloat16.
    """

    def __init__(self, convolution: Any, norm: Any, precision: torch.dtype) -> None:
        with torch.no_grad():
            # (x - mean) / sqrt(variance + eps) * weight + bias, put into filters and biases
            scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
            weight: Tensor = convolution.weight * scale[:, None, None, None]
            bias: Tensor = norm.bias - norm.running_mean * scale
        self._weight = weight.to(precision, memory_format=torch.channels_last)
        self._bias = bias.to(precision)
        self._stride: tuple[int, int] = convolution.stride
        self._padding: tuple[int, int] = convolution.padding

    def __call__(self, maps: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C', H', W'), in ``precision`` both."""
        return functional.conv2d(maps, self._weight, self._bias, self._stride, self._padding)
