"""A batch's folder, on a disk or in object storage::

    _manifest.json         what the rows depend on
    part-00000017.parquet  rows of a shard, there whole or not at all
    _summary.json          counts, once all shards are done

Readers of Parquet folders leave out what begins with ``_``, so the folder reads as one table.
Each part's footer says of which configuration it is and how many of its rows failed; a part
without such a footer, as a broken upload may leave it, counts as absent.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import Any, Self

import pyarrow
from filelock import FileLock, Timeout
from pyarrow import parquet
from pyarrow.fs import FileSelector, FileType

from refmask.batch.places import Place, beside, in_short, is_uri, locate, read, write_whole
from refmask.batch.plan import Shard
from refmask.batch.rows import Row, to_parquet, told_of
from refmask.errors import ConfigurationError, InputError
from refmask.fingerprint import Fingerprint

MANIFEST, SUMMARY, LOCK = "_manifest.json", "_summary.json", ".lock"
#: Footers that are read at once: object storage takes long over each.
AT_ONCE = 16


@dataclass(frozen=True)
class ShardResult:
    """A shard that is done.

    Attributes:
        number: its place.
        rows: how many.
        errors: how many of them failed.
        first_error: of the first of these.
    """

    number: int
    rows: int
    errors: int
    first_error: str | None


def write_shard(folder: str, mark: str, shard: Shard, rows: Sequence[Row]) -> ShardResult:
    """Write a shard's rows.

    Args:
        folder: path or URI.
        mark: the configuration's hash.
        shard: which.
        rows: all of it.

    Raises:
        ConfigurationError: when they cannot be written.
    """
    errors = [row["error"] for row in rows if row.get("error") is not None]
    done = ShardResult(shard.number, len(rows), len(errors), errors[0] if errors else None)
    content = to_parquet(rows, {"configuration": mark, **asdict(done)})
    write_whole(folder, shard.name, content)
    return done


class Output:
    """A batch's folder, claimed by this process alone where it is on a disk.

    In object storage nothing can be claimed; two that work there at once do the same work twice.

    Args:
        folder: path or URI; new, empty, or of a batch of the same configuration.
        configuration: what its rows depend on.
    """

    def __init__(self, folder: str, configuration: Fingerprint) -> None:
        self.folder = folder
        self.configuration = configuration
        self._held = ExitStack()

    def __enter__(self) -> Self:
        """Claim the folder.

        Raises:
            ConfigurationError: when it holds something else or a batch of another configuration,
                another process writes to it, or it cannot be written.
        """
        place = locate(self.folder)
        present = self._present(place)
        if MANIFEST in present:
            self._check_same()
        elif present:
            raise ConfigurationError(
                f"expected a new folder or one of a batch, got {self.folder} with {present[0]} in "
                "it; choose another `out`"
            )
        else:
            content = json.dumps(dict(self.configuration), indent=1).encode() + b"\n"
            write_whole(self.folder, MANIFEST, content)
        if not is_uri(self.folder):
            self._lock(place.path)
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def done(self) -> dict[int, ShardResult]:
        """The shards that are there, by number."""
        place = locate(self.folder)
        parts = [name for name in self._present(place) if name.endswith(".parquet")]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            found = pool.map(lambda name: self._read(place, name), parts)
            return {done.number: done for done in found if done is not None}

    def finish(self, summary: Mapping[str, Any]) -> None:
        """Write the summary, which is what JSON can hold."""
        write_whole(self.folder, SUMMARY, json.dumps(dict(summary), indent=1).encode() + b"\n")

    def _present(self, place: Place) -> list[str]:
        """Names in the folder; those that are hidden are nobody's."""
        try:
            if place.system.get_file_info(place.path).type == FileType.NotFound:
                return []
            infos = place.system.get_file_info(FileSelector(place.path))
        except (OSError, pyarrow.ArrowException) as error:
            raise ConfigurationError(
                f"cannot write to {self.folder}: {in_short(error)}; choose another `out`"
            ) from None
        return sorted(info.base_name for info in infos if not info.base_name.startswith("."))

    def _check_same(self) -> None:
        name = beside(self.folder, MANIFEST)
        try:
            there = json.loads(read(name, "a manifest"))
        except (InputError, ValueError, RecursionError):
            there = None
        if not isinstance(there, dict):
            raise ConfigurationError(f"expected settings by name in {name}; choose another `out`")
        differing = Fingerprint(there).summary(self.configuration)
        if differing:
            raise ConfigurationError(
                f"{self.folder} holds a batch of another configuration ({differing}); choose "
                "another `out`, or ask for the same"
            )

    def _lock(self, path: str) -> None:
        try:
            self._held.enter_context(FileLock(os.path.join(path, LOCK), blocking=False))  # noqa: PTH118
        except Timeout:
            raise ConfigurationError(
                f"expected to write to {self.folder} alone, but another process does; wait for "
                "it, or choose another `out`"
            ) from None
        except OSError as error:
            raise ConfigurationError(
                f"cannot write to {self.folder}: {error.strerror}; choose another `out`"
            ) from None

    def _read(self, place: Place, name: str) -> ShardResult | None:
        """What a part tells of itself; None when it is none of this configuration, or not whole."""
        try:
            with place.system.open_input_file(f"{place.path}/{name}") as file:
                metadata = parquet.read_metadata(file).metadata
        except (OSError, pyarrow.ArrowException):
            return None
        footer = told_of(metadata)
        if footer is None or footer.pop("configuration", None) != self.configuration.sha256:
            return None
        try:
            return ShardResult(**footer)
        except TypeError:
            return None
