"""The output folder of a batch, on a disk or in object storage::

    _manifest.json         what the rows depend on
    part-00000017.parquet  rows of a shard, written whole or not at all
    _summary.json          counts, once all shards are done

Readers of Parquet folders skip names that begin with ``_``, so the folder reads as one table. Each
part's footer holds its configuration's hash and how many of its rows failed; a part without such a
footer, as a broken upload may leave it, counts as missing.
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

from refmask.batch.plan import Shard
from refmask.batch.rows import Row, metadata_of, to_parquet
from refmask.batch.storage import Location, first_line, is_uri, locate, read, resolve, write_whole
from refmask.errors import ConfigurationError, InputError
from refmask.fingerprint import Fingerprint

MANIFEST, SUMMARY, LOCK = "_manifest.json", "_summary.json", ".lock"
#: Footers read at once: each takes long in object storage.
AT_ONCE = 16


@dataclass(frozen=True)
class ShardResult:
    """A finished shard.

    Attributes:
        number: its position in the plan.
        rows: how many it has.
        errors: how many of them failed.
        first_error: the first failed row's error.
    """

    number: int
    rows: int
    errors: int
    first_error: str | None


def write_shard(folder: str, sha256: str, shard: Shard, rows: Sequence[Row]) -> ShardResult:
    """Write a shard's rows.

    Args:
        folder: path or URI.
        sha256: of the batch's configuration.
        shard: the shard.
        rows: all its rows.

    Raises:
        ConfigurationError: when they cannot be written.
    """
    errors = [row["error"] for row in rows if row.get("error") is not None]
    result = ShardResult(shard.number, len(rows), len(errors), errors[0] if errors else None)
    content = to_parquet(rows, {"configuration": sha256, **asdict(result)})
    write_whole(folder, shard.name, content)
    return result


class Output:
    """A batch's output folder; on a disk, locked against other processes.

    Object storage has no locks: two processes that write there at once do the same work twice.

    Args:
        folder: path or URI; new, empty, or of a batch with the same configuration.
        configuration: what its rows depend on.
    """

    def __init__(self, folder: str, configuration: Fingerprint) -> None:
        self.folder = folder
        self.configuration = configuration
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Check and lock the folder.

        Raises:
            ConfigurationError: when it holds something else or another batch, another process
                writes to it, or it cannot be written.
        """
        location = locate(self.folder)
        names = self._names(location)
        if MANIFEST in names:
            self._check_manifest()
        elif names:
            raise ConfigurationError(
                f"{self.folder} is not a batch's folder and not empty ({names[0]} is in it); "
                "choose another `out`"
            )
        else:
            self._write_json(MANIFEST, self.configuration)
        if not is_uri(self.folder):
            self._lock(location.path)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def done(self) -> dict[int, ShardResult]:
        """Finished shards by number."""
        location = locate(self.folder)
        parts = [name for name in self._names(location) if name.endswith(".parquet")]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            results = pool.map(lambda name: self._result(location, name), parts)
            return {result.number: result for result in results if result is not None}

    def finish(self, summary: Mapping[str, Any]) -> None:
        """Write the summary, which JSON must be able to hold."""
        self._write_json(SUMMARY, summary)

    def _write_json(self, name: str, values: Mapping[str, Any]) -> None:
        write_whole(self.folder, name, json.dumps(dict(values), indent=1).encode() + b"\n")

    def _names(self, location: Location) -> list[str]:
        """Sorted names of files in the folder that are not hidden."""
        try:
            if location.system.get_file_info(location.path).type == FileType.NotFound:
                return []
            infos = location.system.get_file_info(FileSelector(location.path))
        except (OSError, pyarrow.ArrowException) as error:
            raise ConfigurationError(
                f"cannot write to {self.folder}: {first_line(error)}; choose another `out`"
            ) from None
        return sorted(info.base_name for info in infos if not info.base_name.startswith("."))

    def _check_manifest(self) -> None:
        name = resolve(self.folder, MANIFEST)
        try:
            manifest = json.loads(read(name, "a manifest"))
        except (InputError, ValueError, RecursionError):
            manifest = None
        if not isinstance(manifest, dict):
            raise ConfigurationError(f"{name} is damaged; choose another `out`")
        differing = Fingerprint(manifest).summary(self.configuration)
        if differing:
            raise ConfigurationError(
                f"{self.folder} holds a batch of another configuration ({differing}); use the "
                "same settings, or choose another `out`"
            )

    def _lock(self, path: str) -> None:
        try:
            self._stack.enter_context(FileLock(os.path.join(path, LOCK), blocking=False))  # noqa: PTH118
        except Timeout:
            raise ConfigurationError(
                f"another process writes to {self.folder}; wait for it, or choose another `out`"
            ) from None
        except OSError as error:
            raise ConfigurationError(
                f"cannot write to {self.folder}: {error.strerror}; choose another `out`"
            ) from None

    def _result(self, location: Location, name: str) -> ShardResult | None:
        """The result in a part's footer; None if it is damaged or of another configuration."""
        try:
            with location.system.open_input_file(f"{location.path}/{name}") as file:
                footer = metadata_of(parquet.read_metadata(file).metadata)
            if footer is None or footer.pop("configuration", None) != self.configuration.sha256:
                return None
            return ShardResult(**footer)
        except (OSError, pyarrow.ArrowException, TypeError):
            return None
