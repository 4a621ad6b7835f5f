"""What the benchmark of the index counts and shows with."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import numpy as np

from refmask.types import FloatArray

#: Regions whose order counts.
TOP = 10


def merged(best: tuple[Any, Any], scores: FloatArray, first: int) -> tuple[Any, Any]:
    """The best so far and among more, each phrase a column: scores and numbers of regions."""
    own = ranked(scores)
    scores = np.vstack([best[0], np.take_along_axis(scores, own, 0)])
    numbers = np.vstack([best[1], own + first])
    order = ranked(scores)
    return np.take_along_axis(scores, order, 0), np.take_along_axis(numbers, order, 0)


def ranked(scores: FloatArray, most: int = TOP) -> Any:
    """Numbers of the rows with the best scores, best first, for each column."""
    most = min(most, len(scores))
    some = np.argpartition(-scores, most - 1, axis=0)[:most]
    order = np.argsort(-np.take_along_axis(scores, some, 0), axis=0, kind="stable")
    return np.take_along_axis(some, order, 0)


def agreement(best: Any, found: Any) -> float:
    """Share of the best that are found, on average over columns."""
    return float(np.mean([len({*a} & {*b}) / len(a) for a, b in zip(best.T, found.T, strict=True)]))


def timed(work: Callable[[Any], Any], over: Sequence[Any]) -> dict[str, float]:
    """Milliseconds of a work for one of many things, the first tenth to warm up."""
    seconds = []
    for one in over:
        began = time.perf_counter()
        work(one)
        seconds.append(time.perf_counter() - began)
    counted = 1000 * np.array(seconds[len(over) // 10 :])
    return {"p50 ms": float(np.median(counted)), "p95 ms": float(np.percentile(counted, 95))}


def tidy(regions: Any) -> None:
    """Compact a table, and remove all but its last version."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # LanceDB's, that nobody else may be reading
        regions.optimize(cleanup_older_than=timedelta(0))


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Rows as a Markdown table."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = [f"| {' | '.join(names)} |", "|---" * len(names) + "|"]
    for row in rows:
        cells = (row.get(name, "") for name in names)
        shown = (f"{cell:,.3f}" if isinstance(cell, float) else str(cell) for cell in cells)
        lines.append(f"| {' | '.join(shown)} |")
    return "\n".join(lines)
