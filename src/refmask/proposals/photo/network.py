"""The boundary network: where a person would draw the outline of an object.

It reads the image classifier's feature maps at five strides, from coarse to fine: the coarse ones
recognise, the fine ones localise. Its weights were trained on the boundary maps of a larger network
(HED, Xie and Tu, ICCV 2015); see ``assets/boundary/card.md``.

Shapes: B images, H x W pixels, C channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from refmask.classifier.network import PYRAMID
from refmask.ops.devices import exact_convolutions
from refmask.types import FloatArray
from refmask.weights.reading import fill, read_weights

WEIGHTS = Path(__file__).parents[2] / "assets" / "boundary" / "boundary.safetensors"
#: Its own channels at the strides 2, 4, 8, 16 and 32.
WIDTHS = (16, 32, 48, 64, 64)


class Block(nn.Module):
    """Two convolutions beside a shortcut."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) to the same."""
        return functional.relu(x + self.second(functional.relu(self.first(x))))


class BoundaryNetwork(nn.Module):
    """The classifier's pyramid to the logits of a boundary."""

    def __init__(self) -> None:
        super().__init__()
        widths = zip(PYRAMID, WIDTHS, strict=True)
        self.across = nn.ModuleList(nn.Conv2d(incoming, width, 1) for incoming, width in widths)
        self.narrow = nn.ModuleList(nn.Conv2d(coarse, fine, 1) for fine, coarse in pairwise(WIDTHS))
        self.blocks = nn.ModuleList(Block(width) for width in WIDTHS)
        self.out = nn.Conv2d(WIDTHS[0], 1, 3, padding=1)

    def forward(self, pyramid: Sequence[Tensor]) -> Tensor:
        """Logits (B, 1, H / 2, W / 2) of maps (B, C, H / s, W / s), strides s from 2 to 32."""
        x = self.blocks[-1](functional.relu(self.across[-1](pyramid[-1])))
        for level in reversed(range(len(pyramid) - 1)):
            larger = functional.interpolate(
                self.narrow[level](x), scale_factor=2.0, mode="bilinear"
            )
            x = self.blocks[level](functional.relu(larger + self.across[level](pyramid[level])))
        return self.out(x)  # type: ignore[no-any-return]


@lru_cache(maxsize=2)
def load_network(device: torch.device) -> BoundaryNetwork:
    """The network with the weights that ship, in float32.

    Raises:
        WeightsError: when the file is missing, damaged or of another network.
    """
    with torch.device("meta"):  # names and shapes only: the file's tensors replace them
        network = BoundaryNetwork()
    weights = {name: value.float() for name, value in read_weights(WEIGHTS).items()}
    fill(network, weights, str(WEIGHTS), assign=True)
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network.requires_grad_(False).eval()


@torch.inference_mode()
def boundaries(
    network: BoundaryNetwork, pyramid: Sequence[Tensor], size: tuple[int, int]
) -> FloatArray:
    """The probability that each pixel lies on a boundary.

    Args:
        network: from :func:`load_network`.
        pyramid: (1, C, h, w) each, from ``Classifier.encode_pyramid``.
        size: height and width of the result, in pixels.

    Returns:
        float32 (height, width), 0 to 1.
    """
    with exact_convolutions(torch.float32):
        logits = network([maps.float() for maps in pyramid])
    sized = functional.interpolate(logits, size, mode="bilinear")
    return np.asarray(sized.sigmoid()[0, 0].cpu().numpy())
