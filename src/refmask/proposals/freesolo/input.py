"""From an image to what the network reads."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from refmask.compat import IMAGENET_MEAN, IMAGENET_STD
from refmask.errors import ImageError
from refmask.limits import check
from refmask.ops.images import checked
from refmask.ops.pixels import edges
from refmask.types import UInt8Array

#: Height and width of the input are multiples of this, the pyramid's coarsest stride but one.
MULTIPLE = 32


def resized(image: UInt8Array, short: int, long: int | None) -> UInt8Array:
    """The image at the network's size, bilinear and antialiased.

    Args:
        image: uint8 RGB (H, W, 3).
        short: length of the shorter side, pixels.
        long: upper limit of the longer side, pixels. None sets no limit and cuts the longer side
            to whole pixels instead of rounding it, as the paper's released code does.

    Returns:
        uint8 RGB (h, w, 3).

    Raises:
        ImageError: when the array is no uint8 RGB image, or would grow beyond all measure.
    """
    height, width = checked(image).shape[:2]
    if long is None:
        shorter = min(height, width)
        size = short * height // shorter, short * width // shorter
    else:
        size = edges(height, width, short, long)
    # Reached by long, thin images without a limit of their longer side ("uncapped").
    what = f"a {width}x{height} image with its shorter side at {short}"
    check("pixels", size[0] * size[1], what, ImageError)
    return np.array(Image.fromarray(image).resize(size[::-1], Image.Resampling.BILINEAR))


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
