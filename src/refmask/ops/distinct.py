"""Masks that are worth showing."""

from __future__ import annotations

import numpy as np

from refmask.types import BoolArray


def distinct(masks: BoolArray) -> BoolArray:
    """Which masks cover something and repeat no mask before them, pixel for pixel.

    Args:
        masks: bool (N, H, W).

    Returns:
        bool (N,).
    """
    seen = {np.packbits(np.zeros(masks.shape[1:], np.bool_)).tobytes()}
    kept = np.zeros(len(masks), np.bool_)
    for index, mask in enumerate(masks):
        packed = np.packbits(mask).tobytes()
        kept[index] = packed not in seen
        seen.add(packed)
    return kept
