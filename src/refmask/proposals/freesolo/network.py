"""The whole network, and its weights."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from refmask.proposals.freesolo.heads import Cells, InstanceHead, MaskHead
from refmask.proposals.freesolo.resnet import FoldedConv, Pyramid
from refmask.weights.reading import fill, read_weights

#: Parameters that only training uses: a counter, and an embedding that no mask depends on.
TRAINING_ONLY = ("_iter", "ins_head.emb_pred.")


class Network(nn.Module):
    """FreeSOLO's network; its parameters have the released checkpoint's names."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = Pyramid()
        self.ins_head = InstanceHead()
        self.mask_head = MaskHead()

    def forward(self, pixels: Tensor) -> tuple[list[Cells], Tensor]:
        """Look at one image.

        Args:
            pixels: (1, 3, H, W), normalised, H and W multiples of 32.

        Returns:
            The cells of the five levels, and mask features (1, 256, H / 4, W / 4).
        """
        pyramid = self.backbone(pixels)
        return self.ins_head(pyramid), self.mask_head(pyramid)


def load_network(path: Path, device: torch.device, dtype: torch.dtype) -> Network:
    """The network with the weights of a file, ready to look.

    Args:
        path: a checkpoint with the released one's names; see ``refmask.weights.reading``.
        device: where it computes.
        dtype: float32 or bfloat16; scores are float32 in any case.

    Raises:
        WeightsError: when the file is damaged, holds more than tensors, NaN, or another network.
    """
    with torch.device("meta"):  # names and shapes only: the file's tensors take their places
        network = Network()
    weights = read_weights(path)
    for name in [name for name in weights if name.startswith(TRAINING_ONLY)]:
        del weights[name]
    fill(network, weights, str(path), assign=True)
    weights.clear()
    scores = network.ins_head.cate_pred
    for part in network.requires_grad_(False).modules():
        if isinstance(part, FoldedConv):
            part.fold()
        if isinstance(part, nn.Conv2d | nn.GroupNorm):
            kind = torch.float32 if part is scores else dtype
            part.to(device, kind, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network.requires_grad_(False).eval()
