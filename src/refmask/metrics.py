"""Metrics of referring segmentation: pure functions over numbers that simply add up.

Q is the number of queries. Every metric here is a ratio of two sums over queries, so shards are
merged by adding and confidence intervals come from weighting the same sums anew.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from refmask.errors import InputError
from refmask.types import Bools, Floats

Numbers = npt.ArrayLike


@dataclass(frozen=True)
class PairedGain:
    """How much better one result is than another on the same queries.

    Attributes:
        gain: first minus second, over all queries.
        low: lower end of the interval, a quantile of the resampled gains.
        high: upper end of the interval.
    """

    gain: float
    low: float
    high: float


def intersection_and_union(predictions: Bools, targets: Bools) -> tuple[Floats, Floats]:
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


def best_iou(proposals: Bools, targets: Bools) -> Floats:
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


def iou(intersections: Numbers, unions: Numbers) -> Floats:
    """Intersection over union of each query, float64 (Q,) in 0 to 1; an empty union counts as 0."""
    inter, union = np.asarray(intersections, np.float64), np.asarray(unions, np.float64)
    return np.divide(inter, union, out=np.zeros_like(inter), where=union > 0)


def overall_iou(intersections: Numbers, unions: Numbers) -> float:
    """Overall IoU: summed intersections over summed unions, 0 to 1. Large objects weigh more.

    Args:
        intersections: (Q,) pixels shared by prediction and target.
        unions: (Q,) pixels in either.
    """
    return _ratio(float(np.asarray(intersections).sum()), float(np.asarray(unions).sum()))


def mean_iou(intersections: Numbers, unions: Numbers) -> float:
    """Mean IoU: the average of the queries' own IoUs, 0 to 1; 0 without queries."""
    each = iou(intersections, unions)
    return _ratio(float(each.sum()), each.size)


def paired_bootstrap(
    first: tuple[Numbers, Numbers],
    second: tuple[Numbers, Numbers],
    groups: npt.ArrayLike,
    *,
    resamples: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> PairedGain:
    """Percentile interval of a difference of two ratios of sums, resampling whole pictures.

    Queries of one picture are not independent, so pictures are drawn, with replacement, and
    both results are read on the same draw. Overall IoU is the ratio of (intersections, unions),
    mean IoU that of (IoUs, ones), an accuracy that of (hits, ones).

    Args:
        first: numerators (Q,) and denominators (Q,) of the one result.
        second: the same of the other, on the same queries in the same order.
        groups: (Q,) the picture each query belongs to, any sortable labels.
        resamples: number of draws.
        level: probability the interval covers.
        seed: of the draws.

    Raises:
        InputError: when the five arrays are not of one length or there are no queries.
    """
    columns = np.stack([np.asarray(part, np.float64) for part in _equal(first, second, groups)])
    names, members = np.unique(np.asarray(groups), return_inverse=True)
    sums = np.zeros((len(names), 4))
    np.add.at(sums, members, columns.T)
    draws = np.random.default_rng(seed).multinomial(
        len(names), np.full(len(names), 1 / len(names)), size=resamples
    )
    totals = draws @ sums
    gains = _ratios(totals[:, 0], totals[:, 1]) - _ratios(totals[:, 2], totals[:, 3])
    whole = sums.sum(axis=0)
    low, high = np.quantile(gains, [(1 - level) / 2, (1 + level) / 2])
    gain = _ratio(whole[0], whole[1]) - _ratio(whole[2], whole[3])
    return PairedGain(gain, float(low), float(high))


def _equal(
    first: tuple[Numbers, Numbers], second: tuple[Numbers, Numbers], groups: npt.ArrayLike
) -> tuple[Numbers, ...]:
    parts = (*first, *second)
    shapes = {np.shape(part) for part in (*parts, groups)}
    if len(shapes) != 1 or len(shape := shapes.pop()) != 1 or shape[0] == 0:
        raise InputError(
            "expected numerators, denominators and groups as arrays of one length (Q,), Q > 0, "
            f"got {[np.shape(part) for part in (*parts, groups)]}"
        )
    return parts


def _ratios(numerators: Floats, denominators: Floats) -> Floats:
    return np.divide(
        numerators, denominators, out=np.zeros_like(numerators), where=denominators > 0
    )


def _ratio(numerator: float, denominator: float) -> float:
    return float(numerator / denominator) if denominator else 0.0
