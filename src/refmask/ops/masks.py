"""Pure functions on sets of masks. N masks, P places (pixels, or regions with their areas)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from refmask.types import Bools, Floats


def pairwise_iou(masks: Bools, weights: Floats | None = None) -> Floats:
    """Intersection over union of every mask with every other.

    Args:
        masks: bool (N, ...), flattened to (N, P).
        weights: float (P,), the area of each place; ones when not given.

    Returns:
        float32 (N, N), 0 to 1, symmetric; 0 where both masks are empty.
    """
    places = math.prod(masks.shape[1:])
    rows = masks.reshape(len(masks), places).astype(np.float32)
    weighted = rows if weights is None else rows * weights.astype(np.float32)
    shared = weighted @ rows.T
    areas = np.diag(shared)
    union = areas[:, None] + areas[None] - shared
    iou: Floats = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return iou


def suppress(iou: Floats, quality: Floats, threshold: float) -> npt.NDArray[np.intp]:
    """Drop near-repetitions: greedy non-maximum suppression by mask IoU.

    Args:
        iou: float (N, N), from :func:`pairwise_iou`.
        quality: float (N,), higher is better.
        threshold: a mask with a larger IoU with a better, kept one is dropped.

    Returns:
        Indices of the kept masks, best first; of equals, the first comes first.
    """
    alive = np.ones(len(quality), np.bool_)
    kept: list[Any] = []
    for index in np.argsort(-quality, kind="stable"):
        if alive[index]:
            kept.append(index)
            alive &= iou[index] <= threshold
    return np.array(kept, np.intp)


def iou_with(masks: Bools, areas: Floats, index: int) -> Floats:
    """IoU of every mask with one of them.

    Args:
        masks: bool (N, H, W), none of them empty.
        areas: (N,), their pixels.
        index: which one.

    Returns:
        float64 (N,), 1 at ``index``.
    """
    rows, columns = (
        np.flatnonzero(masks[index].any(axis=1)),
        np.flatnonzero(masks[index].any(axis=0)),
    )
    window = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    shared = (masks[:, *window] & masks[index][window]).sum(axis=(1, 2), dtype=np.float64)
    return np.asarray(shared / (areas + areas[index] - shared))
