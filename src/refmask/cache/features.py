"""Features of images, kept by all they depend on and bounded in size."""

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

from refmask.cache.container import FEATURES, Damaged, pack, unpack
from refmask.cache.folder import open_store, read_entry
from refmask.errors import ConfigurationError, RefmaskWarning
from refmask.fingerprint import Fingerprint
from refmask.limits import STORE, parse_size
from refmask.ops.files import write_whole
from refmask.types import FloatArray

#: The folder is looked through once this share of the limit has been written,
WRITTEN = 0.1
#: and the features that were not used for longest are removed until they fill no more than this.
LEFT = 0.8
#: A file whose length tells what all processes wrote since: a byte for each so many.
TALLY, BLOCK = "written", 4096
#: Nobody writes longer on one entry, in nanoseconds.
WRITING = 3600 * 10**9


class FeatureCache:
    """Arrays by what they depend on; those not used for longest leave first.

    Any number of processes may read and write at once, and be killed at any time. Together the
    entries stay within the limit; one of more than a tenth of it is not kept.

    Args:
        path: the store's folder, made when it is not there.
        limit: bytes, as a number or such as "500MB"; 0 keeps nothing new.

    Raises:
        ConfigurationError: when the folder is no store of this format, or the limit is no size.
    """

    def __init__(self, path: str | PathLike[str], limit: str | int = STORE) -> None:
        self.limit = parse_size(limit)
        self.folder = open_store(path, create=True) / "features"
        self._writable = True

    def get(self, owner: Mapping[str, Any]) -> FloatArray | None:
        """What was kept; None when nothing is there, or nothing whole.

        A damaged entry is told by a ``RefmaskWarning`` and otherwise as good as absent.

        Args:
            owner: all that the array depends on: what JSON can hold.
        """
        file = self._file(owner)
        found = read_entry(file, FEATURES, lambda content: _read(content, owner))
        if found is not None:
            with suppress(OSError):  # of a store that is closed to us
                os.utime(file)
        return found

    def put(self, owner: Mapping[str, Any], values: FloatArray) -> None:
        """Keep an array; a disk that is full or closed is told by one ``RefmaskWarning``.

        Args:
            owner: all that it depends on: what JSON can hold.
            values: float32 of any shape.
        """
        if not self._writable:
            return
        content = pack(FEATURES, owner, {"values": values})
        if len(content) > WRITTEN * self.limit:
            return
        try:
            self.folder.mkdir(exist_ok=True)
            # Room first: so the limit holds at any moment.
            self._make_room(len(content))
            write_whole(self._file(owner), content)
        except (OSError, ConfigurationError) as error:
            self._writable = False
            warnings.warn(
                f"features are not kept from here on: {error}", RefmaskWarning, stacklevel=2
            )

    def held(self) -> tuple[int, int]:
        """Number of entries, and their bytes together."""
        sizes = [size for _, size, name in self._entries() if name.endswith(FEATURES)]
        return len(sizes), sum(sizes)

    def _file(self, owner: Mapping[str, Any]) -> Path:
        key = Fingerprint(owner).sha256
        return self.folder / key[:2] / f"{key}.{FEATURES}"

    def _make_room(self, size: int) -> None:
        """Count what will be written, and look through the folder when enough has been."""
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
        """When used (nanoseconds), bytes and path of each file, also those a kill left behind."""
        found = []
        hidden_before = time.time_ns() - WRITING
        for shelf in self.folder.glob("[0-9a-f][0-9a-f]"):
            with suppress(OSError), os.scandir(shelf) as files:
                for file in files:
                    with suppress(OSError):
                        told = file.stat()
                        # A hidden file may be an entry that another process is writing right now.
                        if not file.name.startswith(".") or told.st_mtime_ns < hidden_before:
                            found.append((told.st_mtime_ns, told.st_size, file.path))
        return found


def _read(content: bytes, owner: Mapping[str, Any]) -> FloatArray:
    values = unpack(FEATURES, content, owner).get("values")
    if values is None or values.dtype != np.float32:
        raise Damaged("it holds no float32 array")
    return values
