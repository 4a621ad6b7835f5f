"""Features of images on disk, by all they depend on, within a limit."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Mapping
from contextlib import suppress
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from refmask.cache.container import FEATURES, Arrays, Damaged, open_store, pack, read_entry
from refmask.errors import ConfigurationError, RefmaskWarning
from refmask.fingerprint import Fingerprint
from refmask.limits import STORE, parse_size
from refmask.ops.files import write_whole
from refmask.types import FloatArray

#: Once this share of the limit has been written, the folder is listed,
WRITTEN = 0.1
#: and least recently used features are deleted until they fill no more than this.
LEFT = 0.8
#: A file whose length counts what all processes wrote since: a byte for each so many.
TALLY, BLOCK = "written", 4096
#: No process takes longer to write a file, in nanoseconds.
WRITING = 3600 * 10**9


class FeatureCache:
    """Arrays on disk, by what they depend on; least recently used ones are deleted first.

    Any number of processes may read and write at once, and be killed at any time. Together the
    files stay within the limit; one of more than a tenth of it is not written.

    Args:
        path: the store's folder, made when it is not there.
        limit: bytes, as a number or such as "500MB"; 0 writes nothing.

    Raises:
        ConfigurationError: when the folder is no store of this layout, or the limit is no size.
    """

    def __init__(self, path: str | PathLike[str], limit: str | int = STORE) -> None:
        self.limit = parse_size(limit)
        self.folder = open_store(path, create=True) / "features"
        self._writable = True

    def get(self, key: Mapping[str, Any]) -> FloatArray | None:
        """The cached array; None when nothing is there, or nothing whole.

        A ``RefmaskWarning`` names a damaged file, which is otherwise as good as absent.

        Args:
            key: all that the array depends on: what JSON can hold.
        """
        file = self._file(key)
        found = read_entry(file, FEATURES, key, _values)
        if found is not None:
            with suppress(OSError):  # of a store that is closed to us
                os.utime(file)
        return found

    def put(self, key: Mapping[str, Any], values: FloatArray) -> None:
        """Write an array; one ``RefmaskWarning`` tells that the disk is full or closed.

        Args:
            key: all that it depends on: what JSON can hold.
            values: float32 of any shape.
        """
        if not self._writable:
            return
        content = pack(FEATURES, key, {"values": values})
        if len(content) > WRITTEN * self.limit:
            return
        try:
            self.folder.mkdir(exist_ok=True)
            # Room first: so the limit holds at any moment.
            self._make_room(len(content))
            write_whole(self._file(key), content)
        except (OSError, ConfigurationError) as error:
            self._writable = False
            warnings.warn(f"features are no longer cached: {error}", RefmaskWarning, stacklevel=2)

    def held(self) -> tuple[int, int]:
        """Number of files, and their bytes together."""
        sizes = [size for _, size, name in self._entries() if name.endswith(FEATURES)]
        return len(sizes), sum(sizes)

    def _file(self, key: Mapping[str, Any]) -> Path:
        name = Fingerprint(key).sha256
        return self.folder / name[:2] / f"{name}.{FEATURES}"

    def _make_room(self, size: int) -> None:
        """Count what will be written, and delete files when enough has been."""
        with (self.folder / TALLY).open("ab") as tally:
            tally.write(bytes(-(-size // BLOCK)))
            written = tally.tell() * BLOCK
        if written > WRITTEN * self.limit:
            (self.folder / TALLY).unlink(missing_ok=True)
            self._evict()

    def _evict(self) -> None:
        entries = sorted(self._entries())
        total = sum(size for _, size, _ in entries)
        for _, size, name in entries:
            if total <= LEFT * self.limit:
                break
            with suppress(OSError):  # removed, or held open, by another process
                os.unlink(name)  # noqa: PTH108
            total -= size

    def _entries(self) -> list[tuple[int, int, str]]:
        """Last use (nanoseconds), bytes and path of each file, also those a kill left behind."""
        found = []
        hidden_before = time.time_ns() - WRITING
        for shelf in self.folder.glob("[0-9a-f][0-9a-f]"):
            with suppress(OSError), os.scandir(shelf) as files:
                for file in files:
                    with suppress(OSError):
                        state = file.stat()
                        # Another process may be writing a hidden file right now.
                        if not file.name.startswith(".") or state.st_mtime_ns < hidden_before:
                            found.append((state.st_mtime_ns, state.st_size, file.path))
        return found


def _values(arrays: Arrays) -> FloatArray:
    values = arrays.get("values")
    if values is None or values.dtype != np.float32:
        raise Damaged("it holds no float32 array")
    return values
