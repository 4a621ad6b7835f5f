"""Stacks of masks as runs: a few bytes each, exact, and quick to read.

Two codings, because proposals come in two kinds. *Apart*, each mask is run-length encoded alone:
best for masks that have little to do with each other. *Together*, a run is a stretch of places that
lie in the same masks: a border that many masks share, as in a hierarchy, is written once. Both are
runs of a bool matrix, (N, H * W) together and (1, N * H * W) apart, so one reader serves them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from refmask.cache.container import Damaged
from refmask.types import BoolArray

Array = npt.NDArray[Any]


def together(masks: BoolArray) -> dict[str, Array]:
    """Runs of places (row by row) that lie in the same masks.

    Args:
        masks: bool (N, H, W), N at least 1.

    Returns:
        ``lengths`` (S,) of the runs in places, ``labels`` (S,) of what each run is made of, and
        ``table`` bool (U, N): by label, which masks hold the run's places.
    """
    rows = masks.reshape(len(masks), -1)
    new = np.zeros(rows.shape[1], np.bool_)
    for row in rows:
        new |= _changes(row)
    starts = np.flatnonzero(new)
    return _runs(starts, rows[:, starts], rows.shape[1])


def apart(masks: BoolArray) -> dict[str, Array]:
    """Runs of each mask alone, one mask after the other; as :func:`together`, with U up to 2.

    Args:
        masks: bool (N, H, W), N at least 1.
    """
    places = math.prod(masks.shape[1:])
    rows = masks.reshape(len(masks), places)
    starts = [np.flatnonzero(_changes(row)) + places * number for number, row in enumerate(rows)]
    every = np.concatenate(starts)
    return _runs(every, rows.reshape(1, -1)[:, every], masks.size)


def decode(arrays: Mapping[str, Array], shape: tuple[int, int, int]) -> BoolArray:
    """The masks that either coding tells of.

    Args:
        arrays: from anywhere.
        shape: N, H, W that they must have, N at least 1.

    Raises:
        Damaged: when the arrays do not fit together or do not fill the masks.
    """
    lengths, labels, table = (arrays.get(name) for name in ("lengths", "labels", "table"))
    if lengths is None or labels is None or table is None:
        raise Damaged("it holds no runs")
    fits = lengths.shape == labels.shape == (lengths.size,) and lengths.dtype.kind == "u"
    fits &= labels.dtype.kind == "u" and table.dtype == np.bool_ and table.ndim == 2
    if not fits or table.shape[1] not in (1, shape[0]) or not lengths.size:
        raise Damaged("its runs are of another form")
    places = math.prod(shape) // table.shape[1]
    # Each is checked before their sum, which could otherwise run over and come out right.
    if not 0 < lengths.min() <= lengths.max() <= places or lengths.sum(dtype=np.int64) != places:
        raise Damaged("its runs do not add up to the image")
    if labels.max() >= len(table):
        raise Damaged("its runs are of unknown masks")
    return np.repeat(table.T[:, labels], lengths.astype(np.int64), axis=1).reshape(shape)


def _changes(row: BoolArray) -> BoolArray:
    """Where a run begins: at the first place, and where a value differs from the one before."""
    begins = np.ones(len(row), np.bool_)
    np.not_equal(row[1:], row[:-1], out=begins[1:])
    return begins


def _runs(starts: npt.NDArray[np.intp], columns: BoolArray, places: int) -> dict[str, Array]:
    """Runs that begin at ``starts`` and have these values, bool (rows, S)."""
    packed = np.ascontiguousarray(np.packbits(columns, axis=0).T)
    keys = packed.view(f"V{packed.shape[1]}").ravel()
    _, examples, labels = np.unique(keys, return_index=True, return_inverse=True)
    return {
        "lengths": _narrow(np.diff(starts, append=places)),
        "labels": _narrow(labels),
        "table": columns.T[examples],
    }


def _narrow(values: Array) -> Array:
    """Whole numbers of the smallest unsigned type that holds them."""
    return values.astype(np.min_scalar_type(int(values.max())))
