"""What is asked about which images, and how that is cut into shards."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pyarrow
import pyarrow.compute

from refmask.batch.places import absolute, find_images, is_folder
from refmask.batch.tables import is_table, read_table
from refmask.errors import ConfigurationError, InputError
from refmask.limits import check
from refmask.types import TargetPhrase

#: Rows of a shard unless asked for: some 100 kB, and some minutes of a core's work to lose.
ROWS = 256


@dataclass(frozen=True)
class Ask:
    """An image, and what is asked about it.

    Attributes:
        image: absolute path or URI.
        expressions: as they are written; None where all images are asked the plan's phrases.
    """

    image: str
    expressions: tuple[str, ...] | None


@dataclass(frozen=True)
class Shard:
    """Images that are answered in one piece, by its place among all."""

    number: int
    asks: tuple[Ask, ...]

    @property
    def name(self) -> str:
        """Of its file."""
        return f"part-{self.number:08d}.parquet"

    def encode(self) -> bytes:
        """As JSON, for another process."""
        asks = [[ask.image, ask.expressions] for ask in self.asks]
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
        table: ``image``, each once, and ``expressions``, a list of texts for each image, where
            each has its own.
        phrases: what is asked about every image, where that is the same.

    Raises:
        ConfigurationError: when both or none of them say what is asked.
        InputError: when too much is asked about one image.
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
                "expected something to ask about the images; give `expressions=FILE`, "
                "`per_image=TABLE`, or a table with a column 'expression'"
            )
        check("phrases", int(self._counts().max(initial=0)), "what is asked about one image")

    @property
    def images(self) -> int:
        """How many."""
        return int(self.table.num_rows)

    @property
    def rows(self) -> int:
        """How many answers there will be."""
        return int(self._counts().sum())

    def fingerprint(self) -> str:
        """SHA-256 over all images' names and what is asked about them, in their order."""
        digest = hashlib.sha256()
        if self.phrases is not None:
            digest.update(json.dumps([vars(phrase) for phrase in self.phrases]).encode())
        for batch in self.table.to_batches():
            for row in batch.to_pylist():
                digest.update(json.dumps([*row.values()]).encode())
        return digest.hexdigest()

    def shards(self, rows: int) -> Iterator[Shard]:
        """Consecutive images with at most so many rows; one of more is alone."""
        ends = np.cumsum(self._counts())
        start = number = 0
        while start < self.images:
            before = ends[start - 1] if start else 0
            stop = max(start + 1, int(np.searchsorted(ends, before + rows, side="right")))
            part = self.table.slice(start, stop - start).to_pylist()
            yield Shard(number, tuple(_ask(row) for row in part))
            start, number = stop, number + 1

    def _counts(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Rows of each image."""
        if self.phrases is not None:
            return np.full(self.images, len(self.phrases), np.int64)
        lengths = pyarrow.compute.list_value_length(self.table["expressions"])
        return np.asarray(lengths.to_numpy(), np.int64)


def read_plan(
    where: str, phrases: Sequence[TargetPhrase] | None = None, per_image: str | None = None
) -> Plan:
    """What is asked about the images of a place.

    Args:
        where: a folder (with all below it), a glob, a table (see ``tables.read_table``) or a
            single image, as path or URI.
        phrases: asked about every image.
        per_image: a table of what is asked about each; its relative names are relative to
            ``where``, which is a folder then. Images that it does not name are left out.

    Raises:
        ConfigurationError: when it is not said, or said twice, what is asked.
        InputError: when images or the table cannot be found or read.
    """
    common = None if phrases is None else tuple(phrases)
    if per_image is not None:
        if not is_folder(where):
            raise ConfigurationError(
                f"expected a folder of the images that {per_image} names, got {where}"
            )
        table = read_table(absolute(per_image), absolute(where))
    elif is_table(where):
        table = read_table(absolute(where))
    else:
        names = [absolute(name) for name in find_images(where)]
        table = pyarrow.table({"image": pyarrow.array(names, pyarrow.string())})
    if not table.num_rows:
        raise InputError(f"expected images in {per_image or where}, it names none")
    return Plan(table, common)


def _ask(row: dict[str, Any]) -> Ask:
    expressions = row.get("expressions")
    return Ask(row["image"], None if expressions is None else tuple(expressions))
