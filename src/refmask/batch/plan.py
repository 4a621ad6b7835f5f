"""Plan a batch: images, their expressions, and how they are cut into shards."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pyarrow
import pyarrow.compute

from refmask.batch.storage import absolute, find_images, is_folder
from refmask.batch.tables import is_table, read_table
from refmask.errors import ConfigurationError, InputError
from refmask.limits import check
from refmask.types import TargetPhrase

#: Default rows of a shard: a file of some 100 kB, and at most some minutes of a core's work lost.
ROWS = 256


@dataclass(frozen=True)
class Query:
    """An image and the expressions to answer about it.

    Attributes:
        image: absolute path or URI.
        expressions: as written; None when the plan's phrases apply to all images.
    """

    image: str
    expressions: tuple[str, ...] | None


@dataclass(frozen=True)
class Shard:
    """Images answered and written together.

    Attributes:
        number: position in the plan, from 0.
        queries: its images.
    """

    number: int
    queries: tuple[Query, ...]

    @property
    def name(self) -> str:
        """Name of its file."""
        return f"part-{self.number:08d}.parquet"

    def encode(self) -> bytes:
        """As JSON, for another process."""
        queries = [[query.image, query.expressions] for query in self.queries]
        return json.dumps([self.number, queries]).encode()

    @classmethod
    def decode(cls, content: bytes) -> Self:
        """The inverse of ``encode``."""
        number, queries = json.loads(content)
        return cls(number, tuple(_query(*query) for query in queries))


@dataclass(frozen=True, eq=False)
class Plan:
    """All images of a batch with their expressions.

    Attributes:
        table: ``image``, each once, and where images have their own expressions, ``expressions``,
            a list of strings each.
        phrases: for every image, where the table has no expressions.

    Raises:
        ConfigurationError: when both or neither of them have expressions.
        InputError: when one image has too many.
    """

    table: pyarrow.Table
    phrases: tuple[TargetPhrase, ...] | None = None

    def __post_init__(self) -> None:
        in_table = "expressions" in self.table.schema.names
        if in_table and self.phrases is not None:
            raise ConfigurationError(
                "the table already has a column of expressions; leave `expressions` out"
            )
        if not in_table and not self.phrases:
            raise ConfigurationError(
                "there are no expressions to look for; give `expressions=FILE`, "
                "`per_image=TABLE`, or a table with a column 'expression'"
            )
        check("phrases", int(self._counts().max(initial=0)), "the list of one image's expressions")

    @property
    def images(self) -> int:
        """Number of images."""
        return int(self.table.num_rows)

    @property
    def rows(self) -> int:
        """Number of answers."""
        return int(self._counts().sum())

    def fingerprint(self) -> str:
        """SHA-256 over all images' names and expressions, in their order."""
        digest = hashlib.sha256()
        if self.phrases is not None:
            digest.update(json.dumps([_fields(phrase) for phrase in self.phrases]).encode())
        for batch in self.table.to_batches():
            for row in batch.to_pylist():
                digest.update(json.dumps([*row.values()]).encode())
        return digest.hexdigest()

    def shards(self, rows: int) -> Iterator[Shard]:
        """Consecutive images with at most ``rows`` rows; an image with more is a shard alone."""
        ends = np.cumsum(self._counts())
        start = number = 0
        while start < self.images:
            before = ends[start - 1] if start else 0
            stop = max(start + 1, int(np.searchsorted(ends, before + rows, side="right")))
            part = self.table.slice(start, stop - start).to_pylist()
            yield Shard(number, tuple(_query(**row) for row in part))
            start, number = stop, number + 1

    def _counts(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Rows of each image."""
        if self.phrases is not None:
            return np.full(self.images, len(self.phrases), np.int64)
        lengths = pyarrow.compute.list_value_length(self.table["expressions"])
        return np.asarray(lengths.to_numpy(), np.int64)


def read_plan(
    source: str, phrases: Sequence[TargetPhrase] | None = None, per_image: str | None = None
) -> Plan:
    """Find images and read their expressions.

    Args:
        source: a folder (with all below it), a glob, a table (see ``tables.read_table``) or a
            single image, as path or URI.
        phrases: for every image.
        per_image: a table of each image's expressions. Its relative names are relative to
            ``source``, which must be a folder; images that it does not name are left out.

    Raises:
        ConfigurationError: when expressions are missing or given twice.
        InputError: when images or the table cannot be found or read.
    """
    common = None if phrases is None else tuple(phrases)
    if per_image is not None:
        if not is_folder(source):
            raise ConfigurationError(
                f"{source} is no folder; name the folder of the images that {per_image} lists"
            )
        table = read_table(absolute(per_image), absolute(source))
    elif is_table(source):
        table = read_table(absolute(source))
    else:
        names = [absolute(name) for name in find_images(source)]
        table = pyarrow.table({"image": pyarrow.array(names, pyarrow.string())})
    if not table.num_rows:
        raise InputError(f"{per_image or source} names no images; add a row for each")
    return Plan(table, common)


def _query(image: str, expressions: Sequence[str] | None = None) -> Query:
    return Query(image, None if expressions is None else tuple(expressions))


def _fields(phrase: TargetPhrase) -> dict[str, Any]:
    """What rows depend on of a phrase that was read beforehand."""
    return {**vars(phrase), "reading": str(phrase.reading)}
