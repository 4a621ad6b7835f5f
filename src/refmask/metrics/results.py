"""What came of every query, as columns, and the groups that are reported apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from refmask.errors import ConfigurationError, InputError
from refmask.types import FloatArray

Integers = npt.NDArray[np.int64]
Texts = npt.NDArray[np.str_]

#: Longest expressions, in words, of all groups by length but the last.
LENGTHS = (5, 7, 10)

_TYPES: dict[str, Any] = {
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
}
_UNKNOWN: dict[str, Any] = {
    "right_class": np.nan,
    "right_instance": np.nan,
    "chance": np.nan,
    "kind": "",
}


@dataclass(frozen=True, eq=False)
class QueryResults:
    """What came of Q queries, all columns (Q,).

    Attributes:
        image: text, which image; intervals resample images.
        intersection: int64, pixels that the chosen mask shares with the target.
        union: int64, pixels in either; the target's when nothing was chosen.
        best_intersection: int64, as above for the proposal that fits best: the upper bound.
        best_union: int64.
        right_class: float64, 1 or 0: whether the instance that the chosen mask overlaps most is
            of the target's class; NaN where the data know no classes.
        right_instance: float64, 1 or 0: whether it is the target, or as right; NaN where unknown.
        chance: float64, 0 to 1: the share of the image's proposals that would have been right in
            that sense; NaN where unknown.
        words: int64, words of the expression.
        kind: text, the type of the expression; "" where unknown.
        proposals: int64, number of proposals of the image.

    Raises:
        InputError: when the columns are not of one length (Q,), or hold something else.
    """

    image: Texts
    intersection: Integers
    union: Integers
    best_intersection: Integers
    best_union: Integers
    right_class: FloatArray
    right_instance: FloatArray
    chance: FloatArray
    words: Integers
    kind: Texts
    proposals: Integers

    def __post_init__(self) -> None:
        for name, dtype in _TYPES.items():
            try:
                column = np.asarray(getattr(self, name), dtype)
            except (TypeError, ValueError, OverflowError) as error:
                raise InputError(
                    f"expected {name} as {dtype.__name__.rstrip('_')} values, got {error}"
                ) from error
            object.__setattr__(self, name, column)
        shapes = {name: getattr(self, name).shape for name in _TYPES}
        if len(set(shapes.values())) != 1 or self.image.ndim != 1:
            raise InputError(f"expected columns of one length (Q,), got {shapes}")

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, Any]]) -> Self:
        """The columns of rows, for example of ``ImageInputOverlaps.row``; other keys are ignored.

        Args:
            rows: each with a value for every column; "right_class", "right_instance", "chance" and
                "kind" may be missing or None.

        Raises:
            InputError: when a row lacks a value, or one is of the wrong type.
        """
        columns: dict[str, Any] = {name: [] for name in _TYPES}
        for number, row in enumerate(rows):
            for name, column in columns.items():
                value = row.get(name)
                value = _UNKNOWN.get(name) if value is None else value
                if value is None:
                    raise InputError(f"expected {name!r} in every row, row {number} has none")
                column.append(value)
        return cls(**columns)

    @classmethod
    def concatenate(cls, parts: Iterable[QueryResults]) -> Self:
        """Several results one after the other; none give one without queries."""
        found = [cls.of([]), *parts]
        return cls(**{name: np.concatenate([getattr(p, name) for p in found]) for name in _TYPES})

    def __len__(self) -> int:
        return len(self.image)

    def __getitem__(self, index: npt.NDArray[Any] | slice) -> Self:
        """Some of the queries: a bool (Q,) array, an array of indices, or a slice."""
        return type(self)(**{part.name: getattr(self, part.name)[index] for part in fields(self)})


def by_kind(outcomes: QueryResults) -> dict[str, QueryResults]:
    """The queries of each type of expression, in the order of first appearance.

    Queries of unknown type are in no group.
    """
    kinds = dict.fromkeys(outcomes.kind.tolist())
    return {kind: outcomes[outcomes.kind == kind] for kind in kinds if kind}


def by_length(outcomes: QueryResults, edges: Sequence[int] = LENGTHS) -> dict[str, QueryResults]:
    """The queries by number of words, short expressions first; empty groups are left out.

    Args:
        outcomes: of Q queries.
        edges: longest expression of each group but the last, ascending; (5, 7, 10) gives "1-5",
            "6-7", "8-10" and "11-".

    Raises:
        ConfigurationError: when the edges do not ascend from at least 1.
    """
    if any(low >= high for low, high in zip((0, *edges), edges, strict=False)):
        raise ConfigurationError(f"expected ascending numbers of words as edges, got {edges}")
    starts = [1, *(edge + 1 for edge in edges)]
    names = [f"{start}-{end}" for start, end in zip(starts, (*edges, ""), strict=True)]
    groups = np.searchsorted(np.asarray(edges, np.int64), outcomes.words, side="left")
    return {
        name: outcomes[groups == number]
        for number, name in enumerate(names)
        if (groups == number).any()
    }
