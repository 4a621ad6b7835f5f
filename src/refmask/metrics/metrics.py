"""What is reported: each figure is a ratio of two sums over queries.

The paper's are oIoU and mIoU (section 5.1), their upper bounds, MC-ACC and CC-oIoU.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from refmask.metrics.overlap import iou
from refmask.metrics.results import QueryResults
from refmask.types import FloatArray

#: Numerators and denominators, float64 (Q,) each.
Terms = tuple[FloatArray, FloatArray]

PRECISIONS = (0.5, 0.6, 0.7, 0.8, 0.9)


def _overall(outcomes: QueryResults) -> Terms:
    return outcomes.intersection.astype(np.float64), outcomes.union.astype(np.float64)


def _mean(outcomes: QueryResults) -> Terms:
    return iou(outcomes.intersection, outcomes.union), np.ones(len(outcomes))


def _precision(threshold: float, outcomes: QueryResults) -> Terms:
    """At least this IoU, as LAVT's released evaluation counts, not strictly more."""
    hits = iou(outcomes.intersection, outcomes.union) >= threshold
    return hits.astype(np.float64), np.ones(len(outcomes))


def _upper_overall(outcomes: QueryResults) -> Terms:
    return outcomes.best_intersection.astype(np.float64), outcomes.best_union.astype(np.float64)


def _upper_mean(outcomes: QueryResults) -> Terms:
    return iou(outcomes.best_intersection, outcomes.best_union), np.ones(len(outcomes))


def _class_accuracy(outcomes: QueryResults) -> Terms:
    return _accuracy(outcomes.right_class)


def _class_conditional(outcomes: QueryResults) -> Terms:
    right = (outcomes.right_class == 1).astype(np.float64)
    return outcomes.intersection * right, outcomes.union * right


def _choice(outcomes: QueryResults) -> Terms:
    return _accuracy(outcomes.right_instance)


def _chance(outcomes: QueryResults) -> Terms:
    return _accuracy(outcomes.chance)


def _accuracy(right: FloatArray) -> Terms:
    """Of the queries where it is known."""
    return np.nan_to_num(right), np.isfinite(right).astype(np.float64)


#: oIoU, mIoU: overall and mean IoU; Pr@X: share of queries with an IoU of at least X; "upper ...":
#: of the best proposals; MC-ACC: share whose predicted class, that of the instance the chosen
#: mask overlaps most, is the target's; CC-oIoU: overall IoU of those; choice: share where that
#: instance is the target itself; chance: what choice would be of proposals taken at random.
METRICS: dict[str, Callable[[QueryResults], Terms]] = {
    "oIoU": _overall,
    "mIoU": _mean,
    **{f"Pr@{threshold}": partial(_precision, threshold) for threshold in PRECISIONS},
    "upper oIoU": _upper_overall,
    "upper mIoU": _upper_mean,
    "MC-ACC": _class_accuracy,
    "CC-oIoU": _class_conditional,
    "choice": _choice,
    "chance": _chance,
}


def terms(outcomes: QueryResults) -> FloatArray:
    """Numerators and denominators of all metrics.

    Returns:
        float64 (F, 2, Q), in the order of ``METRICS``.
    """
    return np.array([of(outcomes) for of in METRICS.values()], np.float64)


def compute_metrics(outcomes: QueryResults) -> dict[str, float]:
    """Every figure that the data allow, each 0 to 1.

    A figure whose denominators sum to 0 is left out: all of them without queries, MC-ACC,
    CC-oIoU, choice and chance where classes or instances are unknown.
    """
    sums = terms(outcomes).sum(axis=2)
    return {
        name: float(above / below)
        for name, (above, below) in zip(METRICS, sums, strict=True)
        if below
    }
