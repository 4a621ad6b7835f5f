"""Masks of a map of patches, carried over to the image.

Letters: h x w the map, H x W the image.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from refmask.ops.maps import enlarge
from refmask.types import BoolArray, UInt8Array

#: A mask that agrees less with what it was before is dropped (IoU).
LEAST_AGREEMENT = 0.5


def refined(masks: BoolArray, image: UInt8Array) -> BoolArray:
    """Masks along the contours of the image, their holes filled.

    Args:
        masks: bool (N, h, w), no two of them overlapping.
        image: uint8 RGB (H, W, 3).

    Returns:
        bool (N', H, W), N' at most N: those that became quite another mask are left out.
    """
    from scipy.ndimage import binary_fill_holes

    size = image.shape[:2]
    height, width = masks.shape[1:]
    labels = np.zeros((height, width), np.int32)
    for number, mask in enumerate(masks, 1):
        labels[mask] = number
    small = Image.fromarray(image).resize((width, height), Image.Resampling.BOX)
    large = enlarge(labels, np.asarray(small), image)
    kept = []
    for number, mask in enumerate(masks, 1):
        sharp = binary_fill_holes(large == number)
        blocks = _nearest(mask, *size)
        if (sharp & blocks).sum() >= LEAST_AGREEMENT * max((sharp | blocks).sum(), 1):
            kept.append(sharp)
    return np.array(kept, np.bool_).reshape(-1, *size)


def enlarged(masks: BoolArray, patch: int, size: tuple[int, int]) -> BoolArray:
    """Masks as blocks of ``patch`` pixels, resized and cut at half of their maximum.

    Args:
        masks: bool (N, h, w).
        patch: pixels along a patch in the image that the network read.
        size: H, W.

    Returns:
        bool (N, H, W), some perhaps empty.
    """
    result = np.zeros((len(masks), *size), np.bool_)
    for one, mask in zip(result, masks, strict=True):
        blocks = np.kron(mask.astype(np.uint8) * 255, np.ones((patch, patch), np.uint8))
        resized = np.asarray(Image.fromarray(blocks).resize(size[::-1]))
        one[:] = resized > resized.max() / 2
    return result


def _nearest(mask: BoolArray, height: int, width: int) -> BoolArray:
    """A mask (h, w) at another size: the patch that each pixel's centre lies in."""
    rows = (2 * np.arange(height) + 1) * len(mask) // (2 * height)
    columns = (2 * np.arange(width) + 1) * mask.shape[1] // (2 * width)
    found: BoolArray = mask[np.ix_(rows, columns)]
    return found
