"""From a uint8 image and its masks to the input of an image encoder."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from refmask.errors import ImageError, MaskError
from refmask.limits import check
from refmask.ops.maps import weighted_sums
from refmask.types import BoolArray, FloatArray, MaskProposals, UInt8Array

#: Pixels of a large image per strip that becomes floats.
STRIP = 1 << 18


@dataclass(frozen=True)
class PixelStatistics:
    """The pixel statistics that a model's weights expect.

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


@dataclass(frozen=True)
class Preprocessing(PixelStatistics):
    """Preprocessing of images and crops for an encoder; the defaults are the corrected method.

    Attributes:
        antialias: resize images and crops antialiased.
        fill: value per channel, after normalisation, of pixels outside the mask in a crop;
            0 is the mean colour.
        shorter_side: resize the image to this shorter side (pixels) before anything else.
    """

    antialias: bool = True
    fill: tuple[float, float, float] = (0.0, 0.0, 0.0)
    shorter_side: int | None = None


def resize_shorter_side(
    image: UInt8Array, shorter_side: int | None, longest: int | None = None
) -> UInt8Array:
    """The image, resized bilinearly (antialiased) by its shorter side.

    Args:
        image: uint8 RGB (H, W, 3).
        shorter_side: in pixels; None returns the image unchanged.
        longest: upper limit of the longer side, see :func:`edges`; None sets no limit and truncates
            the longer side, as the released code does.

    Returns:
        uint8 RGB (H', W', 3).

    Raises:
        ImageError: when a long, thin image would become too large.
    """
    if shorter_side is None:
        return image
    height, width = image.shape[:2]
    if longest is None:
        shorter = min(height, width)
        size = shorter_side * height // shorter, shorter_side * width // shorter
    else:
        size = edges(height, width, shorter_side, longest)
    what = f"a {width}x{height} image with its shorter side at {shorter_side}"
    check("pixels", size[0] * size[1], what, ImageError)
    return np.array(Image.fromarray(image).resize(size[::-1], Image.Resampling.BILINEAR))


def normalize_pixels(image: UInt8Array | FloatArray, statistics: PixelStatistics) -> Tensor:
    """Normalised pixels, not resized.

    Args:
        image: RGB (H, W, 3), uint8 or float32 0 to 255.
        statistics: mean and standard deviation.

    Returns:
        float32 (1, 3, H, W).
    """
    mean, std = torch.tensor(statistics.mean), torch.tensor(statistics.std)
    # As planes: several times faster than with interleaved channels.
    planes = torch.tensor(image).permute(2, 0, 1)[None]
    pixels = planes.to(torch.float32, memory_format=torch.contiguous_format).div_(255)
    return pixels.sub_(mean[:, None, None]).div_(std[:, None, None])


def resize(pixels: Tensor, size: tuple[int, int], preprocessing: Preprocessing) -> Tensor:
    """Resize (B, 3, H, W) to (B, 3, *size), not keeping the aspect ratio (paper, section 4)."""
    mode, smooth = preprocessing.interpolation, preprocessing.antialias
    return functional.interpolate(pixels, size, mode=mode, align_corners=False, antialias=smooth)


def whole_image(image: UInt8Array, preprocessing: Preprocessing) -> Tensor:
    """A whole image as the encoder's input, not keeping the aspect ratio.

    Args:
        image: uint8 RGB (H, W, 3), from ``resize_shorter_side``.
        preprocessing: side, mean, standard deviation and interpolation of the input.

    Returns:
        float32 (1, 3, S, S), normalised.
    """
    return _fitted(image, None, preprocessing)


def crop_source(
    image: UInt8Array, size: tuple[int, int], preprocessing: Preprocessing
) -> UInt8Array | FloatArray:
    """The image that crops are cut from, at the masks' size.

    Args:
        image: uint8 RGB, from ``resize_shorter_side``.
        size: H, W of the masks.
        preprocessing: its interpolation.

    Returns:
        RGB (H, W, 3): the image, or float32 0 to 255 where the released code resizes its image
        back.
    """
    if image.shape[:2] == size:
        return image
    pixels = torch.tensor(image).permute(2, 0, 1)[None].float()
    return resize(pixels, size, preprocessing)[0].permute(1, 2, 0).numpy()


def cut_crops(
    source: UInt8Array | FloatArray,
    masks: BoolArray,
    boxes: FloatArray,
    preprocessing: Preprocessing,
) -> Tensor:
    """Crops of single masks: image times mask, cropped to its box (equation 4).

    The fast form of ``reference.local_context``: the cost follows the boxes' areas.

    Args:
        source: RGB (H, W, 3), uint8 or float32 0 to 255, from ``crop_source``.
        masks: bool (N, H, W).
        boxes: (N, 4) XYXY, half-open; truncated to whole pixels.
        preprocessing: side, mean, standard deviation, interpolation and fill of the input.

    Returns:
        float32 (N, 3, S, S), normalised.

    Raises:
        MaskError: when a box holds no pixel.
    """
    side = preprocessing.side
    crops = torch.empty((len(masks), 3, side, side))
    for number, (mask, box) in enumerate(zip(masks, boxes, strict=True)):
        x1, y1, x2, y2 = (int(edge) for edge in box)
        if x2 <= x1 or y2 <= y1:
            raise MaskError(
                f"mask {number} has an empty crop box {(x1, y1, x2, y2)}; remove the mask, or crop "
                "to tight boxes (compat 'default')"
            )
        window = np.s_[y1:y2, x1:x2]
        crops[number] = _fitted(source[window], mask[window], preprocessing)[0]
    return crops


def _fitted(
    image: UInt8Array | FloatArray, inside: BoolArray | None, preprocessing: Preprocessing
) -> Tensor:
    """An image or crop, normalised, filled where it is not ``inside``, and resized to the input.

    Large ones are resized in strips, first in width and then in height: allocating memory for a
    whole image of floats would cost more than all else.
    """
    side, (height, width) = preprocessing.side, image.shape[:2]
    fill = torch.tensor(preprocessing.fill)[:, None, None]

    def strip(rows: slice) -> Tensor:
        pixels = normalize_pixels(image[rows], preprocessing)
        # A sum of products is ten times faster than torch.where.
        return (
            pixels
            if inside is None
            else pixels.sub_(fill).mul_(torch.tensor(inside[rows])).add_(fill)
        )

    rows = max(1, STRIP // width)
    if height <= rows:
        return resize(strip(np.s_[:]), (side, side), preprocessing)
    strips = (strip(np.s_[start : start + rows]) for start in range(0, height, rows))
    narrow = [resize(part, (part.shape[2], side), preprocessing) for part in strips]
    return resize(torch.cat(narrow, dim=2), (side, side), preprocessing)


def projected_boxes(masks: BoolArray) -> FloatArray:
    """The released code's boxes: centre of mass of a mask's columns (rows) +- half their count.

    They exclude the last row and column, and may miss the smaller of two parts. Truncate them
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
            occupied = np.flatnonzero(mask.any(axis=axis))
            centre, half = occupied.mean(), len(occupied) / 2
            boxes[number, [low, high]] = centre - half, centre + half
    return boxes


def grid_masks(
    proposals: MaskProposals, grid: tuple[int, int], *, antialias: bool = True
) -> Tensor:
    """Masks at the resolution of a feature map, soft.

    Args:
        proposals: N masks.
        grid: h, w of the feature map.
        antialias: False for bilinear samples of the mask, as in the released code.

    Returns:
        float32 (N, h, w), 0 to 1: the share of each cell that the mask covers, or the samples.
    """
    weigh = _coverage if antialias else _samples
    rows, columns = (weigh(size, n) for size, n in zip(proposals.size, grid, strict=True))
    return weighted_sums(proposals, rows, columns)


def _coverage(size: int, cells: int) -> Tensor:
    """float32 (cells, size): the share of each cell that each pixel fills; rows sum to 1."""
    edges = torch.arange(cells + 1, dtype=torch.float64) * size / cells
    pixels = torch.arange(size, dtype=torch.float64)
    overlap = torch.minimum(edges[1:, None], pixels + 1) - torch.maximum(edges[:-1, None], pixels)
    return (overlap.clamp(min=0) * cells / size).float()


def _samples(size: int, cells: int) -> Tensor:
    """float32 (cells, size): the weight of each pixel in a linear sample at each cell's centre."""
    centres = ((torch.arange(cells) + 0.5) * (size / cells) - 0.5).clamp(0, size - 1)
    return (1 - (centres[:, None] - torch.arange(size)).abs()).clamp(min=0)


def edges(height: int, width: int, short: int, long: int) -> tuple[int, int]:
    """The size with the shorter side at ``short`` pixels, unless the longer would exceed ``long``.

    The aspect ratio is kept up to rounding to the nearest pixel (halves go up).

    Args:
        height: of the image, pixels.
        width: of the image, pixels.
        short: wanted length of the shorter side, pixels.
        long: upper limit of the longer side, pixels; where it is exceeded, both sides shrink.

    Returns:
        The new height and width, at least 1 each.
    """
    shorter = min(height, width)
    # The limit applies to the scaled sides: in one step some would round differently.
    high, wide = (
        float(short) if side == shorter else short / shorter * side for side in (height, width)
    )
    shrink = min(1.0, long / max(high, wide))
    return max(1, int(high * shrink + 0.5)), max(1, int(wide * shrink + 0.5))
