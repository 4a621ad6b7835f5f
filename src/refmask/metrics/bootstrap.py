"""Bootstrap intervals and paired comparisons over images, whose queries are not independent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from refmask.errors import ConfigurationError, InputError
from refmask.metrics.metrics import NUMBER_METRICS, ONE_THING_METRICS, terms
from refmask.metrics.results import QueryResults
from refmask.types import FloatArray

#: Resamples drawn at a time, which bounds the memory.
BLOCK = 100
#: Relative difference below which two gains are equal, but for the order of summation.
ROUNDING = 1e-9


@dataclass(frozen=True)
class Interval:
    """A metric with its interval.

    Attributes:
        value: over all queries.
        low: lower end of the interval, a quantile of the resampled values.
        high: upper end of the interval.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class PairedGain:
    """How much better one result is than another on the same queries.

    Attributes:
        gain: first minus second, over all queries.
        low: lower end of the interval, a quantile of the resampled gains.
        high: upper end of the interval.
        p: two-sided p-value of a randomisation test that swaps the two results per image; above
            0, at most 1.
    """

    gain: float
    low: float
    high: float
    p: float


def intervals(
    results: QueryResults, *, resamples: int = 2000, level: float = 0.95, seed: int = 0
) -> dict[str, Interval]:
    """Percentile intervals of every metric that is defined, from one set of resamples of images.

    A resample on which a metric is undefined, such as CC-oIoU without a query of the right class,
    is left out for it. Without queries there are no intervals.

    Args:
        results: of Q queries.
        resamples: number of resamples.
        level: coverage of the intervals.
        seed: of the resamples.

    Raises:
        ConfigurationError: when ``resamples`` is below 1 or ``level`` not between 0 and 1.
    """
    _check(resamples, level)
    if not len(results):
        return {}
    found: dict[str, Interval] = {}
    for names in _groups(results):
        sums = _by_image(terms(results, names), results.image)  # (F, 2, P)
        whole = _ratios(sums.sum(axis=2))  # (F,)
        drawn = _ratios(_resampled(sums, resamples, seed))  # (R, F)
        found |= {
            name: Interval(float(value), *_quantiles(draws, value, level))
            for name, value, draws in zip(names, whole, drawn.T, strict=True)
            if np.isfinite(value)
        }
    return found


def compare(
    first: QueryResults,
    second: QueryResults,
    *,
    resamples: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> dict[str, PairedGain]:
    """Gains of the first result over the second in every metric that is defined for both.

    One set of resamples serves all metrics. The two results may come from different proposals.
    CC-oIoU is over different queries in each: those where its class is right.

    Args:
        first: of Q queries.
        second: of the same queries in the same order.
        resamples: number of resamples, for the interval and for the test.
        level: coverage of the intervals.
        seed: of the resamples.

    Raises:
        InputError: when the two are not about the same queries.
        ConfigurationError: when ``resamples`` is below 1 or ``level`` not between 0 and 1.
    """
    _check(resamples, level)
    _check_same(first, second)
    if not len(first):
        return {}
    found: dict[str, PairedGain] = {}
    for names in _groups(first, second):
        both = np.stack([terms(first, names), terms(second, names)])
        gains = _gains(both, first.image, resamples, level, seed)
        pairs = zip(names, gains, strict=True)
        found |= {name: gain for name, gain in pairs if gain is not None}
    return found


def paired_bootstrap(
    first: tuple[npt.ArrayLike, npt.ArrayLike],
    second: tuple[npt.ArrayLike, npt.ArrayLike],
    groups: npt.ArrayLike,
    *,
    resamples: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> PairedGain:
    """The gain in one ratio of sums, with a percentile interval from resampling whole images.

    Images are drawn with replacement; both results are computed on the same resample. Overall IoU
    is the ratio of (intersections, unions), mean IoU that of (IoUs, ones), an accuracy that of
    (hits, ones).

    Args:
        first: numerators (Q,) and denominators (Q,) of the first result.
        second: the same of the second, on the same queries in the same order.
        groups: (Q,) the image each query belongs to, any sortable labels.
        resamples: number of resamples.
        level: coverage of the interval.
        seed: of the resamples.

    Raises:
        InputError: when the five arrays are not of one length, there are no queries, or the
            denominators of a result sum to 0.
        ConfigurationError: when ``resamples`` is below 1 or ``level`` not between 0 and 1.
    """
    _check(resamples, level)
    parts = (*first, *second)
    shapes = [np.shape(part) for part in (*parts, groups)]
    if len(set(shapes)) != 1 or len(shapes[0]) != 1 or shapes[0][0] == 0:
        raise InputError(
            "numerators, denominators and groups differ in shape or are empty; give arrays of one "
            f"length (Q,), Q > 0, got {shapes}"
        )
    both = np.array(parts, np.float64).reshape(2, 1, 2, -1)
    (gain,) = _gains(both, np.asarray(groups), resamples, level, seed)
    if gain is None:
        raise InputError("the denominators of a result sum to 0; leave this comparison out")
    return gain


def _groups(*results: QueryResults) -> list[list[str]]:
    """The names of the metrics that may be defined for all these results.

    In two groups, for what is summed together rounds together: figures of a data set where every
    expression refers to one thing stay what they are, whatever is added for others.
    """
    numbered = all(np.isfinite(some.targets).any() for some in results)
    return [[*ONE_THING_METRICS], *([[*NUMBER_METRICS]] if numbered else [])]


def _gains(
    both: FloatArray, groups: npt.NDArray[np.generic], resamples: int, level: float, seed: int
) -> list[PairedGain | None]:
    """Gain of each of F ratios, None where undefined, from terms (2, F, 2, Q) of two results."""
    sums = _by_image(both, groups)  # (2, F, 2, P)
    first, second = _ratios(sums.sum(axis=3))
    drawn = _ratios(_resampled(sums, resamples, seed))  # (R, 2, F)
    swapped = _ratios(_swapped(sums, resamples, seed))
    gains: list[PairedGain | None] = []
    for metric, gain in enumerate(first - second):
        if not np.isfinite(gain):
            gains.append(None)
            continue
        ends = _quantiles(drawn[:, 0, metric] - drawn[:, 1, metric], gain, level)
        chance = np.abs(swapped[:, 0, metric] - swapped[:, 1, metric])
        # Swaps that leave a result undefined count against a difference, as does the gain itself.
        beyond = int((~(chance < abs(gain) * (1 - ROUNDING))).sum()) + 1
        gains.append(PairedGain(float(gain), *ends, beyond / (resamples + 1)))
    return gains


def _by_image(values: FloatArray, groups: npt.NDArray[np.generic]) -> FloatArray:
    """Values (..., Q) summed over the queries of each image, (..., P)."""
    names, members = np.unique(groups, return_inverse=True)
    sums = np.zeros((len(names), *values.shape[:-1]))
    np.add.at(sums, members, np.moveaxis(values, -1, 0))
    return np.moveaxis(sums, 0, -1)


def _resampled(sums: FloatArray, resamples: int, seed: int) -> FloatArray:
    """Sums (..., P) over as many images drawn with replacement, (R, ...)."""
    count = sums.shape[-1]
    rng, even = np.random.default_rng(seed), np.full(count, 1 / count)
    totals = [
        rng.multinomial(count, even, size=size) @ sums.reshape(-1, count).T
        for size in _blocks(resamples)
    ]
    return np.concatenate(totals).reshape(resamples, *sums.shape[:-1])


def _swapped(sums: FloatArray, resamples: int, seed: int) -> FloatArray:
    """Sums (2, ..., P) with the two results swapped at random in each image, (R, 2, ...)."""
    rng = np.random.default_rng(seed)
    change = (sums[1] - sums[0]).reshape(-1, sums.shape[-1])
    moved = np.concatenate(
        [rng.integers(0, 2, (size, len(change.T))) @ change.T for size in _blocks(resamples)]
    ).reshape(resamples, *sums.shape[1:-1])
    first, second = sums.sum(axis=-1)
    return np.stack([first + moved, second - moved], axis=1)


def _blocks(resamples: int) -> list[int]:
    return [min(BLOCK, resamples - done) for done in range(0, resamples, BLOCK)]


def _ratios(sums: FloatArray) -> FloatArray:
    """Ratios (...) of sums (..., 2), NaN where the denominator is 0."""
    numerators, denominators = sums[..., 0], sums[..., 1]
    ratios: FloatArray = np.full(numerators.shape, np.nan)
    return np.divide(numerators, denominators, out=ratios, where=denominators > 0)


def _quantiles(draws: FloatArray, value: float, level: float) -> tuple[float, float]:
    finite = draws[np.isfinite(draws)]
    ends = np.quantile(finite if len(finite) else [value], [(1 - level) / 2, (1 + level) / 2])
    return float(ends[0]), float(ends[1])


def _check(resamples: int, level: float) -> None:
    if resamples < 1 or not 0 < level < 1:
        raise ConfigurationError(
            f"give resamples of at least 1 and a level between 0 and 1, not {resamples} and {level}"
        )


def _check_same(first: QueryResults, second: QueryResults) -> None:
    if len(first) != len(second):
        raise InputError(
            f"the two results have {len(first)} and {len(second)} queries; compare results on the "
            "same queries"
        )
    for name in ("image", "words", "kind"):
        ours, theirs = getattr(first, name), getattr(second, name)
        # A kind may be unknown in one of them, such as in a run of an earlier version.
        differ = (ours != theirs) & ((name != "kind") | ((ours != "") & (theirs != "")))
        for row in np.flatnonzero(differ)[:1]:
            raise InputError(
                f"the two results differ in their queries: query {row} has {name} {ours[row]!s} in "
                f"one and {theirs[row]!s} in the other; compare results on the same queries in "
                "the same order"
            )
