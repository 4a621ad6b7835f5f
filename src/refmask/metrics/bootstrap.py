"""Intervals and comparisons. Queries of one image are not independent: images are resampled."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from refmask.errors import ConfigurationError, InputError
from refmask.metrics.metrics import METRICS, terms
from refmask.metrics.overlap import Numbers
from refmask.metrics.results import QueryResults
from refmask.types import FloatArray

#: Resamples drawn at a time, which bounds the memory.
BLOCK = 100
#: Gains this close, relatively, are the same gain summed in another order.
ROUNDING = 1e-9


@dataclass(frozen=True)
class Interval:
    """A figure and how far it may be off.

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
        p: how probable a gain at least as large, either way, would be if which result is which
            did not matter in any image (randomisation test): above 0, at most 1.
    """

    gain: float
    low: float
    high: float
    p: float


def intervals(
    outcomes: QueryResults, *, resamples: int = 2000, level: float = 0.95, seed: int = 0
) -> dict[str, Interval]:
    """Percentile intervals of every figure that the data allow, from one draw of images.

    A draw without data for a figure, such as one without a query of the right class, does not
    count for it. Without queries there are no intervals.

    Args:
        outcomes: of Q queries.
        resamples: number of draws.
        level: probability the intervals cover.
        seed: of the draws.

    Raises:
        ConfigurationError: when ``resamples`` is below 1 or ``level`` not between 0 and 1.
    """
    _check(resamples, level)
    if not len(outcomes):
        return {}
    sums = _by_image(terms(outcomes), outcomes.image)  # (F, 2, P)
    whole = _ratios(sums.sum(axis=2))  # (F,)
    drawn = _ratios(_resampled(sums, resamples, seed))  # (R, F)
    return {
        name: Interval(float(value), *_quantiles(draws, value, level))
        for name, value, draws in zip(METRICS, whole, drawn.T, strict=True)
        if np.isfinite(value)
    }


def compare(
    first: QueryResults,
    second: QueryResults,
    *,
    resamples: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> dict[str, PairedGain]:
    """Gains of the first result over the second in every figure that both allow.

    One draw serves all metrics. The two results may come from different proposals. CC-oIoU is
    over other queries in each, those where it names the right class.

    Args:
        first: of Q queries.
        second: of the same queries in the same order.
        resamples: number of draws, of the interval and of the test alike.
        level: probability the intervals cover.
        seed: of the draws.

    Raises:
        InputError: when the two are not about the same queries.
        ConfigurationError: when ``resamples`` is below 1 or ``level`` not between 0 and 1.
    """
    _check(resamples, level)
    _check_same(first, second)
    if not len(first):
        return {}
    both = np.stack([terms(first), terms(second)])
    gains = _gains(both, first.image, resamples, level, seed)
    return {name: gain for name, gain in zip(METRICS, gains, strict=True) if gain is not None}


def paired_bootstrap(
    first: tuple[Numbers, Numbers],
    second: tuple[Numbers, Numbers],
    groups: npt.ArrayLike,
    *,
    resamples: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> PairedGain:
    """The gain in one ratio of sums, with a percentile interval from resampling whole images.

    Images are drawn with replacement, and both results are read on the same draw. Overall IoU
    is the ratio of (intersections, unions), mean IoU that of (IoUs, ones), an accuracy that of
    (hits, ones).

    Args:
        first: numerators (Q,) and denominators (Q,) of the one result.
        second: the same of the other, on the same queries in the same order.
        groups: (Q,) the image each query belongs to, any sortable labels.
        resamples: number of draws.
        level: probability the interval covers.
        seed: of the draws.

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
            "expected numerators, denominators and groups as arrays of one length (Q,), Q > 0, "
            f"got {shapes}"
        )
    both = np.array(parts, np.float64).reshape(2, 1, 2, -1)
    (gain,) = _gains(both, np.asarray(groups), resamples, level, seed)
    if gain is None:
        raise InputError("expected denominators that do not sum to 0; leave this comparison out")
    return gain


def _gains(
    both: FloatArray, groups: npt.NDArray[np.generic], resamples: int, level: float, seed: int
) -> list[PairedGain | None]:
    """Gain of each of F ratios, None without data, from terms (2, F, 2, Q) of two results."""
    sums = _by_image(both, groups)  # (2, F, 2, P)
    one, other = _ratios(sums.sum(axis=3))
    drawn = _ratios(_resampled(sums, resamples, seed))  # (R, 2, F)
    swapped = _ratios(_swapped(sums, resamples, seed))
    found: list[PairedGain | None] = []
    for figure, gain in enumerate(one - other):
        if not np.isfinite(gain):
            found.append(None)
            continue
        ends = _quantiles(drawn[:, 0, figure] - drawn[:, 1, figure], gain, level)
        chance = np.abs(swapped[:, 0, figure] - swapped[:, 1, figure])
        # Swaps that leave a result without data count against a difference, as does the gain.
        beyond = int((~(chance < abs(gain) * (1 - ROUNDING))).sum()) + 1
        found.append(PairedGain(float(gain), *ends, beyond / (resamples + 1)))
    return found


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
    """Sums (2, ..., P) with the two results swapped in every image by a coin, (R, 2, ...)."""
    rng = np.random.default_rng(seed)
    change = (sums[1] - sums[0]).reshape(-1, sums.shape[-1])
    moved = np.concatenate(
        [rng.integers(0, 2, (size, len(change.T))) @ change.T for size in _blocks(resamples)]
    ).reshape(resamples, *sums.shape[1:-1])
    one, other = sums.sum(axis=-1)
    return np.stack([one + moved, other - moved], axis=1)


def _blocks(resamples: int) -> list[int]:
    return [min(BLOCK, resamples - done) for done in range(0, resamples, BLOCK)]


def _ratios(sums: FloatArray) -> FloatArray:
    """Ratios (...) of sums (..., 2), NaN where the denominator is 0."""
    above, below = sums[..., 0], sums[..., 1]
    unknown = np.full(above.shape, np.nan)
    ratios: FloatArray = np.divide(above, below, out=unknown, where=below > 0)
    return ratios


def _quantiles(draws: FloatArray, value: float, level: float) -> tuple[float, float]:
    known = draws[np.isfinite(draws)]
    ends = np.quantile(known if len(known) else [value], [(1 - level) / 2, (1 + level) / 2])
    return float(ends[0]), float(ends[1])


def _check(resamples: int, level: float) -> None:
    if resamples < 1 or not 0 < level < 1:
        raise ConfigurationError(
            "expected resamples of at least 1 and a level between 0 and 1, "
            f"got {resamples} and {level}"
        )


def _check_same(first: QueryResults, second: QueryResults) -> None:
    if len(first) != len(second):
        raise InputError(
            f"expected two results on the same queries, got {len(first)} and {len(second)}"
        )
    for name in ("image", "words", "kind"):
        one, other = getattr(first, name), getattr(second, name)
        for row in np.flatnonzero(one != other)[:1]:
            raise InputError(
                "expected two results on the same queries in the same order, but query "
                f"{row} has {name} {one[row]!s} in one and {other[row]!s} in the other"
            )
