"""The whole network, its weights and its input."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from refmask.compat import IMAGENET_MEAN, IMAGENET_STD
from refmask.proposals.freesolo.heads import Cells, InstanceHead, MaskHead
from refmask.proposals.freesolo.resnet import FoldedConv, Pyramid
from refmask.types import UInt8Array
from refmask.weights.reading import fill, read_weights

#: Parameters that only training uses: a counter, and an embedding.
TRAINING_ONLY = ("_iter", "ins_head.emb_pred.")
#: Height and width of the input are multiples of this, the pyramid's coarsest stride but one.
MULTIPLE = 32


class Network(nn.Module):
    """FreeSOLO's network; its parameters have the released checkpoint's names."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = Pyramid()
        self.ins_head = InstanceHead()
        self.mask_head = MaskHead()

    def forward(self, pixels: Tensor) -> tuple[list[Cells], Tensor]:
        """Predictions for one image.

        Args:
            pixels: (1, 3, H, W), normalised, H and W multiples of 32.

        Returns:
            The cells of the five levels, and mask features (1, 256, H / 4, W / 4).
        """
        pyramid = self.backbone(pixels)
        return self.ins_head(pyramid), self.mask_head(pyramid)


def load_network(path: Path, device: torch.device, dtype: torch.dtype) -> Network:
    """The network with the weights of a file, in evaluation mode.

    Args:
        path: a checkpoint with the released one's names; see ``refmask.weights.reading``.
        device: of the network.
        dtype: float32 or bfloat16; scores are always float32.

    Raises:
        WeightsError: when the file is damaged, holds more than tensors, NaN, or another network.
    """
    with torch.device("meta"):  # names and shapes only: the file's tensors replace them
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


def network_input(image: UInt8Array) -> Tensor:
    """Normalised by ImageNet's statistics, then padded with zeros on the right and below.

    Args:
        image: uint8 RGB (h, w, 3).

    Returns:
        float32 (1, 3, h', w'), channels last in memory, h' and w' multiples of 32.
    """
    mean, std = (torch.tensor(values).mul_(255) for values in (IMAGENET_MEAN, IMAGENET_STD))
    pixels = torch.from_numpy(image).float().sub_(mean).div_(std)
    below, right = (-side % MULTIPLE for side in image.shape[:2])
    return functional.pad(pixels, (0, 0, 0, right, 0, below)).permute(2, 0, 1)[None]
