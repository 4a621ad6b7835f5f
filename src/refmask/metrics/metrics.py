"""The metrics, each a ratio of two sums over queries.

oIoU and mIoU (section 5.1), their upper bounds, MC-ACC and CC-oIoU are the paper's. N-acc, T-acc,
gIoU and cIoU are those of gRefCOCO's paper (GRES, section 3.3), where expressions refer to any
number of things: they are over the queries whose number of targets is known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

import numpy as np

from refmask.metrics.overlap import iou
from refmask.metrics.results import QueryResults
from refmask.types import BoolArray, FloatArray, IntArray

#: Numerators and denominators, float64 (Q,) each.
Terms = tuple[FloatArray, FloatArray]

PRECISIONS = (0.5, 0.6, 0.7, 0.8, 0.9)
#: Thresholds of precision in gRefCOCO's evaluation.
TARGET_PRECISIONS = (0.7, 0.8, 0.9)


def _overall(intersections: IntArray, unions: IntArray) -> Terms:
    return intersections.astype(np.float64), unions.astype(np.float64)


def _mean(values: FloatArray) -> Terms:
    """Over the queries whose value is known: the others are NaN."""
    return np.nan_to_num(values), np.isfinite(values).astype(np.float64)


def _precision(threshold: float, results: QueryResults) -> Terms:
    """An IoU of at least the threshold, as LAVT's released evaluation counts, not strictly more."""
    return _mean((iou(results.intersection, results.union) >= threshold).astype(np.float64))


def _among(chosen: BoolArray, values: FloatArray | BoolArray) -> Terms:
    """The mean over the chosen queries."""
    return _mean(np.where(chosen, values, np.nan))


def _absent_accuracy(results: QueryResults) -> Terms:
    """Share of the expressions about nothing that are answered by an empty mask."""
    return _among(results.targets == 0, results.answers == 0)


def _target_accuracy(results: QueryResults) -> Terms:
    """Share of the expressions about something that are answered by a mask."""
    return _among(results.targets > 0, results.answers > 0)


def _generalised_mean(results: QueryResults) -> Terms:
    """Mean IoU, where no mask for nothing counts 1, and any mask 0."""
    nothing = (results.targets == 0) & (results.answers == 0)
    values = np.where(nothing, 1.0, iou(results.intersection, results.union))
    return _among(np.isfinite(results.targets), values)


def _generalised_overall(results: QueryResults) -> Terms:
    known = np.isfinite(results.targets)
    return results.intersection * known, results.union * known


def _target_precision(threshold: float, results: QueryResults) -> Terms:
    return _among(results.targets > 0, iou(results.intersection, results.union) >= threshold)


def _instance_f1(results: QueryResults) -> Terms:
    """Mean over expressions about several things: answers and targets matched one to one."""
    several = results.targets > 1
    both = np.where(several, results.targets + results.answers, 1)
    return _among(several, 2 * results.matched / both)


def _class_conditional(results: QueryResults) -> Terms:
    right = (results.right_class == 1).astype(np.float64)
    return results.intersection * right, results.union * right


#: oIoU, mIoU: overall and mean IoU; Pr@X: share of queries with an IoU of at least X; "upper ...":
#: of the best proposals; MC-ACC: share whose predicted class, that of the instance the chosen
#: mask overlaps most, is the target's; CC-oIoU: overall IoU of those; choice: share where that
#: instance is the target itself; chance: expected choice of a random proposal.
ONE_THING_METRICS: dict[str, Callable[[QueryResults], Terms]] = {
    "oIoU": lambda results: _overall(results.intersection, results.union),
    "mIoU": lambda results: _mean(iou(results.intersection, results.union)),
    **{f"Pr@{threshold}": partial(_precision, threshold) for threshold in PRECISIONS},
    "upper oIoU": lambda results: _overall(results.best_intersection, results.best_union),
    "upper mIoU": lambda results: _mean(iou(results.best_intersection, results.best_union)),
    "MC-ACC": lambda results: _mean(results.right_class),
    "CC-oIoU": _class_conditional,
    "choice": lambda results: _mean(results.right_instance),
    "chance": lambda results: _mean(results.chance),
}

#: Defined only where expressions refer to any number of things. N-acc and T-acc: share of those
#: about nothing and of the others that are answered so; gIoU and cIoU: mean and overall IoU;
#: "target Pr@X": Pr@X of those about something; instance F1: mean over those about several.
NUMBER_METRICS: dict[str, Callable[[QueryResults], Terms]] = {
    "N-acc": _absent_accuracy,
    "T-acc": _target_accuracy,
    "gIoU": _generalised_mean,
    "cIoU": _generalised_overall,
    **{f"target Pr@{bound}": partial(_target_precision, bound) for bound in TARGET_PRECISIONS},
    "instance F1": _instance_f1,
}

METRICS = ONE_THING_METRICS | NUMBER_METRICS


def terms(results: QueryResults, names: Iterable[str] = METRICS) -> FloatArray:
    """Numerators and denominators of metrics, all by default.

    Returns:
        float64 (F, 2, Q), in the order of the names.
    """
    return np.array([METRICS[name](results) for name in names], np.float64)


def compute_metrics(results: QueryResults) -> dict[str, float]:
    """Every metric that is defined on these results, each 0 to 1.

    A metric whose denominators sum to 0 is left out: all of them without queries; MC-ACC,
    CC-oIoU, choice and chance where classes or instances are unknown; those about any number of
    things where every expression refers to one.
    """
    sums = terms(results).sum(axis=2)
    return {
        name: float(numerator / denominator)
        for name, (numerator, denominator) in zip(METRICS, sums, strict=True)
        if denominator
    }
