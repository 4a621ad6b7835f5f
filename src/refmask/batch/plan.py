"""What is asked about which pictures, and how that is cut into shards."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pyarrow
import pyarrow.compute

from refmask.batch.places import absolute, find_pictures, is_folder
from refmask.batch.tables import is_table, read_table
from refmask.errors import ConfigurationError, InputError
from refmask.limits import check
from refmask.types import TargetPhrase

#: Rows of a shard unless asked for: some 100 kB, and some minutes of a core's work to lose.
ROWS = 256


@dataclass(frozen=True)
class Ask:
    """A picture, and what is asked about it.

    Attributes:
        picture: absolute path or URI.
        expressions: as they are written; None where all pictures are asked the plan's phrases.
    """

    picture: str
    expressions: tuple[str, ...] | None


@dataclass(frozen=True)
class Shard:
    """Pictures that are answered in one piece, by its place among all."""

    number: int
    asks: tuple[Ask, ...]

    @property
    def name(self) -> str:
        """Of its file."""
        return f"part-{self.number:08d}.parquet"

    def encode(self) -> bytes:
        """As JSON, for another process."""
        asks = [[ask.picture, ask.expressions] for ask in self.asks]
        return json.dumps([self.number, asks]).encode()

    @classmethod
    def decode(cls, content: bytes) -> Self:
        """What ``encode`` gave."""
        number, asks = json.loads(content)
        return cls(
            number, tuple(Ask(name, None if said is None else tuple(said)) for name, said in asks)
        )


@dataclass(frozen=True, eq=False)
class Plan:
    """All that is asked.

    Attributes:
        table: ``picture``, each once, and ``expressions``, a list of texts for each picture, where
            each has its own.
        phrases: what is asked about every picture, where that is the same.

    Raises:
        ConfigurationError: when both or none of them say what is asked.
        InputError: when too much is asked about one picture.
    """

    table: pyarrow.Table
    phrases: tuple[TargetPhrase, ...] | None = None

    def __post_init__(self) -> None:
        own = "expressions" in self.table.schema.names
        if own and self.phrases is not None:
            raise ConfigurationError(
                "expected expressions from one place, the table has a column of them; leave "
                "`expressions` out"
            )
        if not own and not self.phrases:
            raise ConfigurationError(
                "expected something to ask about the pictures; give `expressions=FILE`, "
                "`per_picture=TABLE`, or a table with a column 'expression'"
            )
        check("phrases", int(self._counts().max(initial=0)), "what is asked about one image")

    @property
    def pictures(self) -> int:
        """How many."""
        return int(self.table.num_rows)

    @property
    def rows(self) -> int:
        """How many answers there will be."""
        return int(self._counts().sum())

    def fingerprint(self) -> str:
        """SHA-256 over all pictures' names and what is asked about them, in their order."""
        digest = hashlib.sha256()
        if self.phrases is not None:
            digest.update(json.dumps([vars(phrase) for phrase in self.phrases]).encode())
        for batch in self.table.to_batches():
            for row in batch.to_pylist():
                digest.update(json.dumps([*row.values()]).encode())
        return digest.hexdigest()

    def shards(self, rows: int) -> Iterator[Shard]:
        """Consecutive pictures with at most so many rows; one of more is alone."""
        ends = np.cumsum(self._counts())
        start = number = 0
        while start < self.pictures:
            before = ends[start - 1] if start else 0
            stop = max(start + 1, int(np.searchsorted(ends, before + rows, side="right")))
            part = self.table.slice(start, stop - start).to_pylist()
            yield Shard(number, tuple(_ask(row) for row in part))
            start, number = stop, number + 1

    def _counts(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Rows of each picture."""
        if self.phrases is not None:
            return np.full(self.pictures, len(self.phrases), np.int64)
        lengths = pyarrow.compute.list_value_length(self.table["expressions"])
        return np.asarray(lengths.to_numpy(), np.int64)


def read_plan(
    where: str, phrases: Sequence[TargetPhrase] | None = None, per_picture: str | None = None
) -> Plan:
    """What is asked about the pictures of a place.

    Args:
        where: a folder (with all below it), a glob, a table (see ``tables.read_table``) or a
            single picture, as path or URI.
        phrases: asked about every picture.
        per_picture: a table of what is asked about each; its relative names are relative to
            ``where``, which is a folder then. Pictures that it does not name are left out.

    Raises:
        ConfigurationError: when it is not said, or said twice, what is asked.
        InputError: when pictures or the table cannot be found or read.
    """
    common = None if phrases is None else tuple(phrases)
    if per_picture is not None:
        if not is_folder(where):
            raise ConfigurationError(
                f"expected a folder of the pictures that {per_picture} names, got {where}"
            )
        table = read_table(absolute(per_picture), absolute(where))
    elif is_table(where):
        table = read_table(absolute(where))
    else:
        names = [absolute(name) for name in find_pictures(where)]
        table = pyarrow.table({"picture": pyarrow.array(names, pyarrow.string())})
    if not table.num_rows:
        raise InputError(f"expected pictures in {per_picture or where}, it names none")
    return Plan(table, common)


def _ask(row: dict[str, Any]) -> Ask:
    expressions = row.get("expressions")
    return Ask(row["picture"], None if expressions is None else tuple(expressions))
