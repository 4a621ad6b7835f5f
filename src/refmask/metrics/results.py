"""The results of all queries as columns, and their groups by kind and by length."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from refmask.errors import ConfigurationError, InputError
from refmask.types import FloatArray, IntArray

Texts = npt.NDArray[np.str_]

#: Longest expression, in words, of each group by length but the last.
LENGTHS = (5, 7, 10)

#: Columns of ``QueryResults`` and their types.
COLUMNS: dict[str, Any] = {
    "image": np.str_,
    "intersection": np.int64,
    "union": np.int64,
    "best_intersection": np.int64,
    "best_union": np.int64,
    "right_class": np.float64,
    "right_instance": np.float64,
    "chance": np.float64,
    "words": np.int64,
    "kind": np.str_,
    "proposals": np.int64,
    "targets": np.float64,
    "answers": np.float64,
    "matched": np.float64,
}
#: Columns where expressions refer to any number of things; records of other data sets lack them.
NUMBERS = ("targets", "answers", "matched")
_UNKNOWN: dict[str, Any] = dict.fromkeys(
    ("right_class", "right_instance", "chance", *NUMBERS), np.nan
)
_UNKNOWN["kind"] = ""


@dataclass(frozen=True, eq=False)
class QueryResults:
    """The results of Q queries, all columns (Q,).

    Attributes:
        image: text, id of the image; intervals resample images.
        intersection: int64, pixels that the chosen mask shares with the target.
        union: int64, pixels in either; the target's when nothing was chosen.
        best_intersection: int64, as above for the best proposal: the upper bound.
        best_union: int64.
        right_class: float64, 1 or 0: whether the instance that the chosen mask overlaps most is
            of the target's class; NaN where classes are unknown.
        right_instance: float64, 1 or 0: whether it is the target, or as right; NaN where unknown.
        chance: float64, 0 to 1: the share of the image's proposals with "right_instance" 1; NaN
            where unknown.
        words: int64, words of the expression.
        kind: text, the type of the expression; "" where unknown.
        proposals: int64, number of proposals of the image.
        targets: float64, number of things that the expression refers to, 0 or more; NaN in a data
            set where every expression refers to one. Default: unknown.
        answers: float64, number of things answered, 0 for an empty mask; NaN where unknown.
        matched: float64, how many of both are the same, one to one; NaN where unknown.

    Raises:
        InputError: when the columns differ in length, or a value is of the wrong type.
    """

    image: Texts
    intersection: IntArray
    union: IntArray
    best_intersection: IntArray
    best_union: IntArray
    right_class: FloatArray
    right_instance: FloatArray
    chance: FloatArray
    words: IntArray
    kind: Texts
    proposals: IntArray
    targets: FloatArray = field(default_factory=lambda: np.empty((0,)))
    answers: FloatArray = field(default_factory=lambda: np.empty((0,)))
    matched: FloatArray = field(default_factory=lambda: np.empty((0,)))

    def __post_init__(self) -> None:
        for name in NUMBERS:
            if np.shape(getattr(self, name)) == (0,):
                object.__setattr__(self, name, np.full(np.shape(self.image), np.nan))
        for name, dtype in COLUMNS.items():
            try:
                column = np.asarray(getattr(self, name), dtype)
            except (TypeError, ValueError, OverflowError) as error:
                raise InputError(
                    f"the column {name} takes {dtype.__name__.rstrip('_')} values: {error}"
                ) from error
            object.__setattr__(self, name, column)
        shapes = {name: getattr(self, name).shape for name in COLUMNS}
        if len(set(shapes.values())) != 1 or self.image.ndim != 1:
            raise InputError(f"give columns of one length (Q,), not {shapes}")

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, Any]]) -> Self:
        """Rows, such as records or those of ``ImageOverlaps.row``, as columns.

        Args:
            rows: each with a value for every column; "right_class", "right_instance", "chance",
                "kind", "targets", "answers" and "matched" may be missing or None. Other keys are
                ignored.

        Raises:
            InputError: when a row lacks a value, or a value is of the wrong type.
        """
        columns: dict[str, Any] = {name: [] for name in COLUMNS}
        for number, row in enumerate(rows):
            for name, column in columns.items():
                value = row.get(name)
                value = _UNKNOWN.get(name) if value is None else value
                if value is None:
                    raise InputError(f"row {number} has no {name!r}; add it")
                column.append(value)
        return cls(**columns)

    @classmethod
    def concatenate(cls, parts: Iterable[QueryResults]) -> Self:
        """Several results as one; without parts, a result without queries."""
        every = [cls.of([]), *parts]
        return cls(**{name: np.concatenate([getattr(p, name) for p in every]) for name in COLUMNS})

    def __len__(self) -> int:
        return len(self.image)

    def __getitem__(self, index: npt.NDArray[Any] | slice) -> Self:
        """Select queries by a bool (Q,) array, an array of indices, or a slice."""
        return type(self)(**{name: getattr(self, name)[index] for name in COLUMNS})


def by_kind(results: QueryResults) -> dict[str, QueryResults]:
    """The queries of each known kind of expression, in order of appearance."""
    kinds = dict.fromkeys(results.kind.tolist())
    return {kind: results[results.kind == kind] for kind in kinds if kind}


def by_length(results: QueryResults, edges: Sequence[int] = LENGTHS) -> dict[str, QueryResults]:
    """The queries by number of words, short expressions first; empty groups are left out.

    Args:
        results: of Q queries.
        edges: longest expression of each group but the last, ascending; (5, 7, 10) gives "1-5",
            "6-7", "8-10" and "11-".

    Raises:
        ConfigurationError: when the edges do not ascend from at least 1.
    """
    if any(low >= high for low, high in zip((0, *edges), edges, strict=False)):
        raise ConfigurationError(f"give ascending numbers of words as edges, not {edges}")
    starts = [1, *(edge + 1 for edge in edges)]
    names = [f"{start}-{end}" for start, end in zip(starts, (*edges, ""), strict=True)]
    groups = np.searchsorted(np.asarray(edges, np.int64), results.words, side="left")
    return {
        name: results[groups == number]
        for number, name in enumerate(names)
        if (groups == number).any()
    }
