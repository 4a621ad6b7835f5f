"""Intersections, unions and IoUs of masks, and overall and mean IoU over queries."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from refmask.types import BoolArray, FloatArray


def intersection_and_union(
    predictions: BoolArray, targets: BoolArray
) -> tuple[FloatArray, FloatArray]:
    """Pixels in both masks and pixels in either.

    Args:
        predictions: bool (..., H, W).
        targets: bool, a shape that broadcasts with it.

    Returns:
        Two float64 arrays (...).
    """
    both = np.logical_and(predictions, targets).sum(axis=(-2, -1), dtype=np.float64)
    either = np.logical_or(predictions, targets).sum(axis=(-2, -1), dtype=np.float64)
    return both, either


def best_iou(proposals: BoolArray, targets: BoolArray) -> FloatArray:
    """The upper bound of each target: the IoU of the proposal that fits it best.

    Args:
        proposals: bool (N, H, W).
        targets: bool (T, H, W).

    Returns:
        float64 (T,), 0 to 1; 0 without proposals.
    """
    best = np.zeros(len(targets))
    for row, target in enumerate(targets):
        best[row] = iou(*intersection_and_union(proposals, target)).max(initial=0.0)
    return best


def iou(intersections: npt.ArrayLike, unions: npt.ArrayLike) -> FloatArray:
    """Intersection over union of each query, float64 (Q,) in 0 to 1; an empty union counts as 0."""
    inter, union = np.asarray(intersections, np.float64), np.asarray(unions, np.float64)
    return np.divide(inter, union, out=np.zeros_like(inter), where=union > 0)


def overall_iou(intersections: npt.ArrayLike, unions: npt.ArrayLike) -> float:
    """Overall IoU: summed intersections over summed unions, 0 to 1. Large objects weigh more.

    Args:
        intersections: (Q,) pixels shared by prediction and target.
        unions: (Q,) pixels in either.
    """
    return _ratio(float(np.asarray(intersections).sum()), float(np.asarray(unions).sum()))


def mean_iou(intersections: npt.ArrayLike, unions: npt.ArrayLike) -> float:
    """Mean IoU: the average of the queries' own IoUs, 0 to 1; 0 without queries."""
    each = iou(intersections, unions)
    return _ratio(float(each.sum()), each.size)


def _ratio(numerator: float, denominator: float) -> float:
    return float(numerator / denominator) if denominator else 0.0
