"""From a uint8 picture and its masks to what an image encoder reads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from refmask.compat import IMAGENET_MEAN, IMAGENET_STD, Compat
from refmask.errors import ImageError, MaskError
from refmask.ops.images import MAX_PIXELS
from refmask.types import Bools, Bytes, Floats


@dataclass(frozen=True)
class PixelStatistics:
    """How a model's weights want their pixels.

    Attributes:
        side: S, side of the square input in pixels.
        mean: per channel, of pixels from 0 to 1.
        std: per channel, of pixels from 0 to 1.
        interpolation: "bicubic" or "bilinear".
    """

    side: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    interpolation: str = "bicubic"


def normalise(image: Bytes, statistics: PixelStatistics, compat: Compat) -> Tensor:
    """Pixels as the encoder wants them, still at their own size.

    Args:
        image: uint8 RGB (H, W, 3).
        statistics: the weights' own mean and standard deviation.
        compat: fields ``imagenet_statistics`` and ``shorter_side``.

    Returns:
        float32 (1, 3, H', W'); H' x W' is the picture's size, or that of the resized picture
        when ``shorter_side`` is set (its long side truncated, without an upper limit).

    Raises:
        ImageError: when a long, thin picture would grow beyond all measure.
    """
    if compat.shorter_side is not None:
        height, width = image.shape[:2]
        shorter = min(height, width)
        size = (compat.shorter_side * width // shorter, compat.shorter_side * height // shorter)
        if size[0] * size[1] > MAX_PIXELS:
            raise ImageError(
                f"a {width}x{height} picture with its shorter side at {compat.shorter_side} would "
                f"have {size[0]}x{size[1]} pixels; cut it, or use the default compat"
            )
        image = np.array(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR))
    mean, std = statistics.mean, statistics.std
    if compat.imagenet_statistics:
        mean, std = IMAGENET_MEAN, IMAGENET_STD
    pixels = torch.tensor(image).permute(2, 0, 1)[None].float().div_(255)
    return pixels.sub_(torch.tensor(mean)[:, None, None]).div_(torch.tensor(std)[:, None, None])


def stretch(
    pixels: Tensor, size: tuple[int, int], statistics: PixelStatistics, compat: Compat
) -> Tensor:
    """Resize (B, 3, H, W) to (B, 3, *size), not keeping the aspect ratio (paper, section 4)."""
    if compat.plain_bilinear:
        return functional.interpolate(pixels, size, mode="bilinear", align_corners=False)
    mode = statistics.interpolation
    return functional.interpolate(pixels, size, mode=mode, align_corners=False, antialias=True)


def cut_crops(
    pixels: Tensor,
    masks: Bools,
    boxes: Floats,
    statistics: PixelStatistics,
    compat: Compat,
) -> Tensor:
    """What each mask shows alone: picture times mask, cropped to its box (equation 4).

    Args:
        pixels: float32 (1, 3, H, W), normalised, at the masks' size.
        masks: bool (N, H, W).
        boxes: (N, 4) XYXY, half-open; cut to whole pixels.
        statistics: side and interpolation of the input.
        compat: fields ``crop_fill`` and ``plain_bilinear``.

    Returns:
        float32 (N, 3, S, S).

    Raises:
        MaskError: when a box holds no pixel.
    """
    side = statistics.side
    fill = torch.tensor(compat.crop_fill)[:, None, None]
    crops = pixels.new_empty((len(masks), 3, side, side))
    for number, (mask, box) in enumerate(zip(masks, boxes, strict=True)):
        x1, y1, x2, y2 = (int(edge) for edge in box)
        if x2 <= x1 or y2 <= y1:
            raise MaskError(
                f"mask {number} has an empty crop box {(x1, y1, x2, y2)}; remove empty masks"
                + (", or use the default compat" if compat.projected_boxes else "")
            )
        inside = torch.tensor(mask[y1:y2, x1:x2])
        crop = torch.where(inside, pixels[0, :, y1:y2, x1:x2], fill)
        crops[number] = stretch(crop[None], (side, side), statistics, compat)[0]
    return crops


def projected_boxes(masks: Bools) -> Floats:
    """The released code's boxes: centre of mass of a mask's columns (rows) +- half their count.

    They lose the last row and column, and may miss the smaller of two parts. Truncate them
    toward zero before use.

    Args:
        masks: bool (N, H, W), none of them empty.

    Returns:
        float64 (N, 4) XYXY.

    Raises:
        MaskError: for an empty mask.
    """
    boxes = np.empty((len(masks), 4))
    for number, mask in enumerate(masks):
        if not mask.any():
            raise MaskError(f"mask {number} is empty; remove it")
        for axis, (low, high) in enumerate(((0, 2), (1, 3))):
            places = np.flatnonzero(mask.any(axis=axis))
            centre, half = places.mean(), len(places) / 2
            boxes[number, [low, high]] = centre - half, centre + half
    return boxes


def grid_masks(masks: Bools, grid: tuple[int, int], compat: Compat) -> Tensor:
    """Masks at the resolution of a feature map, soft.

    Args:
        masks: bool (N, H, W).
        grid: h, w of the feature map.
        compat: field ``plain_bilinear``.

    Returns:
        float32 (N, h, w), 0 to 1: the share of each cell that the mask covers, or with
        ``plain_bilinear`` bilinear samples of the mask.
    """
    soft = torch.empty((len(masks), *grid))
    rows, columns = (_coverage(size, n) for size, n in zip(masks.shape[1:], grid, strict=True))
    for number, mask in enumerate(masks):
        floats = torch.tensor(mask, dtype=torch.float32)
        if compat.plain_bilinear:
            soft[number] = functional.interpolate(floats[None, None], grid, mode="bilinear")[0, 0]
        else:
            soft[number] = rows @ floats @ columns.T
    return soft


def _coverage(size: int, cells: int) -> Tensor:
    """float32 (cells, size): the share of each cell that each pixel fills; rows sum to 1."""
    edges = torch.arange(cells + 1, dtype=torch.float64) * size / cells
    pixels = torch.arange(size, dtype=torch.float64)
    overlap = torch.minimum(edges[1:, None], pixels + 1) - torch.maximum(edges[:-1, None], pixels)
    return (overlap.clamp(min=0) * cells / size).float()
