"""Pure functions on sets of masks. N masks, P elements (pixels, or regions with their areas)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from refmask.types import BoolArray, FloatArray, IntArray


def pairwise_iou(masks: BoolArray, weights: FloatArray | None = None) -> FloatArray:
    """Intersection over union of every mask with every other.

    Args:
        masks: bool (N, ...), flattened to (N, P).
        weights: float (P,), the area of each element; ones by default.

    Returns:
        float32 (N, N), 0 to 1, symmetric; 0 where both masks are empty.
    """
    places = math.prod(masks.shape[1:])
    rows = masks.reshape(len(masks), places).astype(np.float32)
    weighted = rows if weights is None else rows * weights.astype(np.float32)
    shared = weighted @ rows.T
    areas = np.diag(shared)
    union = areas[:, None] + areas[None] - shared
    iou: FloatArray = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return iou


def suppress(iou: FloatArray, quality: FloatArray, threshold: float) -> npt.NDArray[np.intp]:
    """Drop near-repetitions: greedy non-maximum suppression by mask IoU.

    Args:
        iou: float (N, N), from :func:`pairwise_iou`.
        quality: float (N,), higher is better.
        threshold: a mask with a larger IoU with a better kept one is dropped.

    Returns:
        Indices of the kept masks, best first, ties in their order.
    """
    alive = np.ones(len(quality), np.bool_)
    kept: list[Any] = []
    for index in np.argsort(-quality, kind="stable"):
        if alive[index]:
            kept.append(index)
            alive &= iou[index] <= threshold
    return np.array(kept, np.intp)


def areas_of(masks: BoolArray) -> IntArray:
    """Pixels of every mask.

    Args:
        masks: bool (N, H, W).

    Returns:
        int64 (N,).
    """
    # NumPy counts one mask 20 times faster than it sums over two axes.
    return np.array([np.count_nonzero(mask) for mask in masks], np.int64)


def shared_pixels(masks: BoolArray, other: BoolArray) -> IntArray:
    """Pixels that each mask shares with another one; only the other's box is read.

    Args:
        masks: bool (N, H, W).
        other: bool (H, W).

    Returns:
        int64 (N,).
    """
    rows, columns = np.flatnonzero(other.any(axis=1)), np.flatnonzero(other.any(axis=0))
    if not len(rows):
        return np.zeros(len(masks), np.int64)
    window = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    inside = other[window]
    return np.array([np.count_nonzero(mask[window] & inside) for mask in masks], np.int64)


def iou_with(masks: BoolArray, areas: IntArray, index: int) -> FloatArray:
    """IoU of every mask with one of them.

    Args:
        masks: bool (N, H, W), none of them empty.
        areas: int (N,), their pixels.
        index: of the other mask.

    Returns:
        float64 (N,), 1 at ``index``.
    """
    shared = shared_pixels(masks, masks[index])
    return np.asarray(shared / (areas + areas[index] - shared))


def distinct(masks: BoolArray) -> BoolArray:
    """Which masks are neither empty nor equal to a mask before them.

    Args:
        masks: bool (N, H, W).

    Returns:
        bool (N,).
    """
    earlier = {np.packbits(np.zeros(masks.shape[1:], np.bool_)).tobytes()}
    result = np.zeros(len(masks), np.bool_)
    for index, mask in enumerate(masks):
        packed = np.packbits(mask).tobytes()
        result[index] = packed not in earlier
        earlier.add(packed)
    return result
