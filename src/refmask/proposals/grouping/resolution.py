"""Between the picture and its small working copy."""

from __future__ import annotations

import numpy as np

from refmask.proposals.grouping.regions import Integers
from refmask.types import BoolArray, UInt8Array


def shrink(image: UInt8Array, side: int) -> UInt8Array:
    """The working copy: the longer side at most ``side`` pixels, never enlarged."""
    from PIL import Image

    height, width = image.shape[:2]
    factor = side / max(height, width)
    if factor >= 1:
        return image
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BOX))


def paint(members: BoolArray, labels: Integers, boxes: Integers) -> BoolArray:
    """Masks of sets of regions.

    Args:
        members: bool (N, R), the regions of each mask.
        labels: int32 (H, W), values 0..R-1.
        boxes: int (R, 4), XYXY, half-open, around each region.

    Returns:
        bool (N, H, W).
    """
    masks = np.zeros((len(members), *labels.shape), np.bool_)
    for mask, member in zip(masks, members, strict=True):
        x1, y1 = boxes[member, :2].min(axis=0)
        x2, y2 = boxes[member, 2:].max(axis=0)
        mask[y1:y2, x1:x2] = member[labels[y1:y2, x1:x2]]
    return masks
