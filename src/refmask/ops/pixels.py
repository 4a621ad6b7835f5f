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
from refmask.limits import check
from refmask.ops.maps import weighted_sums
from refmask.types import BoolArray, FloatArray, MaskProposals, UInt8Array

#: Pixels of a large picture that are made floats at a time.
STRIP = 1 << 18


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


def at_shorter_side(image: UInt8Array, compat: Compat) -> UInt8Array:
    """The picture that everything is made of: resized as the released code does, or as it is.

    Args:
        image: uint8 RGB (H, W, 3).
        compat: field ``shorter_side``.

    Returns:
        uint8 RGB (H', W', 3), its long side truncated, without an upper limit.

    Raises:
        ImageError: when a long, thin picture would grow beyond all measure.
    """
    if compat.shorter_side is None:
        return image
    height, width = image.shape[:2]
    shorter = min(height, width)
    size = (compat.shorter_side * width // shorter, compat.shorter_side * height // shorter)
    what = f"a {width}x{height} picture with its shorter side at {compat.shorter_side}"
    check("pixels", size[0] * size[1], what, ImageError)
    return np.array(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR))


def normalise(
    image: UInt8Array | FloatArray, statistics: PixelStatistics, compat: Compat
) -> Tensor:
    """Pixels as the encoder wants them, still at their own size.

    Args:
        image: RGB (H, W, 3), uint8 or float32 0 to 255.
        statistics: the weights' own mean and standard deviation.
        compat: field ``imagenet_statistics``.

    Returns:
        float32 (1, 3, H, W).
    """
    mean, std = statistics.mean, statistics.std
    if compat.imagenet_statistics:
        mean, std = IMAGENET_MEAN, IMAGENET_STD
    # Plane by plane: what follows is several times quicker than with channels side by side.
    planes = torch.tensor(image).permute(2, 0, 1)[None]
    pixels = planes.to(torch.float32, memory_format=torch.contiguous_format).div_(255)
    return pixels.sub_(torch.tensor(mean)[:, None, None]).div_(torch.tensor(std)[:, None, None])


def stretch(
    pixels: Tensor, size: tuple[int, int], statistics: PixelStatistics, compat: Compat
) -> Tensor:
    """Resize (B, 3, H, W) to (B, 3, *size), not keeping the aspect ratio (paper, section 4)."""
    if compat.plain_bilinear:
        return functional.interpolate(pixels, size, mode="bilinear", align_corners=False)
    mode = statistics.interpolation
    return functional.interpolate(pixels, size, mode=mode, align_corners=False, antialias=True)


def whole_picture(image: UInt8Array, statistics: PixelStatistics, compat: Compat) -> Tensor:
    """All of a picture as the encoder reads it, not keeping the aspect ratio.

    Args:
        image: uint8 RGB (H, W, 3), from ``at_shorter_side``.
        statistics: side, mean, standard deviation and interpolation of the input.
        compat: fields ``imagenet_statistics`` and ``plain_bilinear``.

    Returns:
        float32 (1, 3, S, S), normalised.
    """
    return _fitted(image, None, statistics, compat)


def crop_source(
    image: UInt8Array, size: tuple[int, int], statistics: PixelStatistics, compat: Compat
) -> UInt8Array | FloatArray:
    """The picture that crops are cut from, at the masks' size.

    Args:
        image: uint8 RGB, from ``at_shorter_side``.
        size: H, W of the masks.
        statistics: its interpolation.
        compat: field ``plain_bilinear``.

    Returns:
        RGB (H, W, 3): the picture, or float32 0 to 255 where the released code shrinks its
        resized picture back.
    """
    if image.shape[:2] == size:
        return image
    pixels = torch.tensor(image).permute(2, 0, 1)[None].float()
    return stretch(pixels, size, statistics, compat)[0].permute(1, 2, 0).numpy()


def cut_crops(
    source: UInt8Array | FloatArray,
    masks: BoolArray,
    boxes: FloatArray,
    statistics: PixelStatistics,
    compat: Compat,
) -> Tensor:
    """What each mask shows alone: picture times mask, cropped to its box (equation 4).

    The fast form of ``reference.local_context``: the work follows the boxes' areas.

    Args:
        source: RGB (H, W, 3), uint8 or float32 0 to 255, from ``crop_source``.
        masks: bool (N, H, W).
        boxes: (N, 4) XYXY, half-open; cut to whole pixels.
        statistics: side, mean, standard deviation and interpolation of the input.
        compat: fields ``crop_fill``, ``imagenet_statistics`` and ``plain_bilinear``.

    Returns:
        float32 (N, 3, S, S), normalised.

    Raises:
        MaskError: when a box holds no pixel.
    """
    crops = torch.empty((len(masks), 3, statistics.side, statistics.side))
    for number, (mask, box) in enumerate(zip(masks, boxes, strict=True)):
        x1, y1, x2, y2 = (int(edge) for edge in box)
        if x2 <= x1 or y2 <= y1:
            raise MaskError(
                f"mask {number} has an empty crop box {(x1, y1, x2, y2)}; remove empty masks"
                + (", or use the default compat" if compat.projected_boxes else "")
            )
        window = np.s_[y1:y2, x1:x2]
        crops[number] = _fitted(source[window], mask[window], statistics, compat)[0]
    return crops


def _fitted(
    image: UInt8Array | FloatArray,
    inside: BoolArray | None,
    statistics: PixelStatistics,
    compat: Compat,
) -> Tensor:
    """A picture or crop, normalised, filled where it is not ``inside``, and resized to the input.

    A large one goes strip by strip, first to its width and then to its height: fresh memory costs
    more than all else, and there is never a whole picture of floats.
    """
    side, (height, width) = statistics.side, image.shape[:2]
    fill = torch.tensor(compat.crop_fill)[:, None, None]

    def strip(rows: slice) -> Tensor:
        pixels = normalise(image[rows], statistics, compat)
        # A sum of products is ten times quicker than torch.where.
        return (
            pixels
            if inside is None
            else pixels.sub_(fill).mul_(torch.tensor(inside[rows])).add_(fill)
        )

    rows = max(1, STRIP // width)
    if height <= rows:
        return stretch(strip(np.s_[:]), (side, side), statistics, compat)
    strips = (strip(np.s_[start : start + rows]) for start in range(0, height, rows))
    narrow = [stretch(part, (part.shape[2], side), statistics, compat) for part in strips]
    return stretch(torch.cat(narrow, dim=2), (side, side), statistics, compat)


def projected_boxes(masks: BoolArray) -> FloatArray:
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


def grid_masks(proposals: MaskProposals, grid: tuple[int, int], compat: Compat) -> Tensor:
    """Masks at the resolution of a feature map, soft.

    Args:
        proposals: N masks.
        grid: h, w of the feature map.
        compat: field ``plain_bilinear``.

    Returns:
        float32 (N, h, w), 0 to 1: the share of each cell that the mask covers, or with
        ``plain_bilinear`` bilinear samples of the mask.
    """
    weigh = _samples if compat.plain_bilinear else _coverage
    rows, columns = (weigh(size, n) for size, n in zip(proposals.size, grid, strict=True))
    return weighted_sums(proposals, rows, columns)


def _coverage(size: int, cells: int) -> Tensor:
    """float32 (cells, size): the share of each cell that each pixel fills; rows sum to 1."""
    edges = torch.arange(cells + 1, dtype=torch.float64) * size / cells
    pixels = torch.arange(size, dtype=torch.float64)
    overlap = torch.minimum(edges[1:, None], pixels + 1) - torch.maximum(edges[:-1, None], pixels)
    return (overlap.clamp(min=0) * cells / size).float()


def _samples(size: int, cells: int) -> Tensor:
    """float32 (cells, size): how much of each pixel is in a linear sample at each cell's centre."""
    centres = ((torch.arange(cells) + 0.5) * (size / cells) - 0.5).clamp(0, size - 1)
    return (1 - (centres[:, None] - torch.arange(size)).abs()).clamp(min=0)


def edges(height: int, width: int, short: int, long: int) -> tuple[int, int]:
    """The size with the shorter side at ``short`` pixels, unless the longer would exceed ``long``.

    The aspect ratio is kept up to rounding to the nearest pixel (halves go up).

    Args:
        height: of the picture, pixels.
        width: of the picture, pixels.
        short: wanted length of the shorter side, pixels.
        long: upper limit of the longer side, pixels; where it is exceeded, both sides shrink.

    Returns:
        The new height and width, at least 1 each.
    """
    shorter = min(height, width)
    # The limit is applied to the sides already scaled: in one step some would round otherwise.
    high, wide = (
        float(short) if side == shorter else short / shorter * side for side in (height, width)
    )
    shrink = min(1.0, long / max(high, wide))
    return max(1, int(high * shrink + 0.5)), max(1, int(wide * shrink + 0.5))
