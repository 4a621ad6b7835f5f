"""The feature pyramid over the trunk (Lin et al. 2017)."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from refmask.proposals.freesolo.resnet import STAGES, ResNet

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
