"""The two heads of SOLOv2 (Wang et al. 2020): scores and kernels per cell, and mask features."""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from refmask.proposals.freesolo.resnet import CHANNELS

#: Cells along each side of a level's square grid, for any aspect ratio.
GRIDS = (40, 36, 24, 16, 12)
CLASSES = 2
INSTANCE_CHANNELS = 512
MASK_CHANNELS = 128
GROUPS = 32


class Cells(NamedTuple):
    """Predictions of the instance head for one level's cells.

    Attributes:
        logits: float32 (2, G, G), before the sigmoid.
        kernels: (256, G, G), a cell's filter on the mask features, which gives its mask.
    """

    logits: Tensor
    kernels: Tensor


def bilinear(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize (1, C, H, W) to (1, C, *size): corners not aligned, not antialiased."""
    return functional.interpolate(x, size, mode="bilinear", align_corners=False)


def with_coordinates(x: Tensor) -> Tensor:
    """Append the channels x and y, each from -1 to 1 with both ends: (1, C + 2, H, W)."""
    height, width = x.shape[-2:]
    down = torch.linspace(-1, 1, height, device=x.device)[:, None].expand(height, width)
    across = torch.linspace(-1, 1, width, device=x.device).expand(height, width)
    return torch.cat([x, torch.stack([across, down])[None].to(x.dtype)], dim=1)


def unit(incoming: int, outer: int, size: int = 3) -> list[nn.Module]:
    """Convolution, group norm, ReLU."""
    conv = nn.Conv2d(incoming, outer, size, padding=size // 2, bias=False)
    return [conv, nn.GroupNorm(GROUPS, outer), nn.ReLU(inplace=True)]


def level_inputs(pyramid: list[Tensor]) -> list[Tensor]:
    """Inputs of the instance head: p2 halved, p3, p4, p5, and p6 at the size of p5."""
    p2, p3, p4, p5, p6 = pyramid
    # The mean of 2x2 pixels is the bilinear resize by a half.
    return [functional.avg_pool2d(p2, 2), p3, p4, p5, bilinear(p6, (p5.shape[2], p5.shape[3]))]


class InstanceHead(nn.Module):
    """Scores and kernels of every cell of five grids; the towers are shared by the levels."""

    def __init__(self) -> None:
        super().__init__()
        self.cate_tower = self._tower(CHANNELS)
        self.kernel_tower = self._tower(CHANNELS + 2)
        self.cate_pred = nn.Conv2d(INSTANCE_CHANNELS, CLASSES, 3, padding=1)
        self.kernel_pred = nn.Conv2d(INSTANCE_CHANNELS, CHANNELS, 3, padding=1)

    @staticmethod
    def _tower(incoming: int) -> nn.Sequential:
        widths = (incoming, *[INSTANCE_CHANNELS] * 3)
        return nn.Sequential(*[part for width in widths for part in unit(width, INSTANCE_CHANNELS)])

    def forward(self, pyramid: list[Tensor]) -> list[Cells]:
        """p2 to p6 to the five levels' cells."""
        cells = []
        for level, grid in zip(level_inputs(pyramid), GRIDS, strict=True):
            x = bilinear(with_coordinates(level), (grid, grid))
            kernels = self.kernel_pred(self.kernel_tower(x))
            scores = self.cate_tower(x[:, :CHANNELS].contiguous(memory_format=torch.channels_last))
            # Scores, which are compared with thresholds, are computed in fp32 at any precision.
            cells.append(Cells(self.cate_pred(scores.float())[0], kernels[0]))
        return cells


class MaskHead(nn.Module):
    """Mask features, to which the kernels are applied."""

    def __init__(self) -> None:
        super().__init__()
        self.convs_all_levels = nn.ModuleList([self._branch(level) for level in range(4)])
        self.conv_pred = nn.Sequential(*unit(MASK_CHANNELS, CHANNELS, 1))

    @staticmethod
    def _branch(level: int) -> nn.Sequential:
        """Units with a doubling between them; the last doubling is left to ``forward``."""
        parts: OrderedDict[str, nn.Module] = OrderedDict()
        incoming = CHANNELS + 2 if level == 3 else CHANNELS
        for index in range(max(level, 1)):
            if index:
                double = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)
                parts[f"double{index}"] = double
            parts[f"conv{index}"] = nn.Sequential(*unit(incoming, MASK_CHANNELS))
            incoming = MASK_CHANNELS
        return nn.Sequential(parts)

    def forward(self, pyramid: list[Tensor]) -> Tensor:
        """p2 to p5 (others are ignored) to features (1, 256, H / 4, W / 4)."""
        p2, p3, p4, p5 = pyramid[:4]
        finest, *branches = self.convs_all_levels
        coarse = [
            branch(x) for branch, x in zip(branches, (p3, p4, with_coordinates(p5)), strict=True)
        ]
        # Resizing is linear: the three are summed at stride 8 and doubled once.
        total = coarse[0].add_(coarse[1]).add_(coarse[2])
        features = bilinear(total, (p2.shape[2], p2.shape[3])).add_(finest(p2))
        predicted: Tensor = self.conv_pred(features)
        return predicted
