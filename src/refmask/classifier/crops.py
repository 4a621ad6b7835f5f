"""Square crops of single masks, the rest of the image blurred."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageFilter

from refmask.types import BoolArray, FloatArray, UInt8Array

#: Margin on each side of the longer side of a mask's box, as a share of it.
MARGIN = 0.1
#: Standard deviation of the blur outside the mask, as a share of the crop's side.
BLUR = 0.08
#: A box with this many times the crop's side is subsampled first.
ENOUGH = 8
#: Grey outside the image, zero after normalisation.
GREY = 127


def cut_crops(image: UInt8Array, masks: BoolArray, boxes: FloatArray, side: int) -> UInt8Array:
    """Crops of single masks.

    Args:
        image: uint8 RGB (H, W, 3).
        masks: bool (N, H, W), none of them empty.
        boxes: (N, 4) XYXY, half-open, around them.
        side: S, of the crops.

    Returns:
        uint8 (N, S, S, 3): the mask's box with a margin, square; blurred outside the mask, grey
        outside the image.
    """
    crops = np.empty((len(masks), side, side, 3), np.uint8)
    for crop, mask, box in zip(crops, masks, boxes, strict=True):
        crop[:] = _crop(image, mask, box, side)
    return crops


def _crop(image: UInt8Array, mask: BoolArray, box: FloatArray, side: int) -> UInt8Array:
    step = max(1, int(max(box[2:] - box[:2]) / (side * ENOUGH)))
    image, mask, box = image[::step, ::step], mask[::step, ::step], box / step
    centre = (box[:2] + box[2:]) / 2
    half = max(box[2:] - box[:2]) * (0.5 + MARGIN)
    left, top = np.round(centre - half).astype(int)
    right, below = np.maximum(np.round(centre + half).astype(int), (left + 1, top + 1))
    rows = slice(max(top, 0), min(below, len(mask)))
    columns = slice(max(left, 0), min(right, mask.shape[1]))
    window = np.s_[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
    pixels = np.full((below - top, right - left, 3), GREY, np.uint8)
    inside = np.zeros(pixels.shape[:2], np.uint8)
    pixels[window], inside[window] = image[rows, columns], mask[rows, columns] * np.uint8(255)
    size = (side, side)
    sharp = Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC, reducing_gap=3.0)
    share = Image.fromarray(inside).resize(size, Image.Resampling.BILINEAR, reducing_gap=3.0)
    blurred = sharp.filter(ImageFilter.GaussianBlur(BLUR * side))
    return np.asarray(Image.composite(sharp, blurred, share))
