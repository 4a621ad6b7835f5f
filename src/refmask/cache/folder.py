"""The folder of a store, and reading what lies in it."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import TypeVar

from refmask.cache.container import Damaged
from refmask.errors import ConfigurationError, RefmaskWarning
from refmask.ops.files import write_whole
from refmask.ops.reading import is_absent, is_folder, read_bytes, read_json

T = TypeVar("T")

#: Counted up when older programs cannot read the folder any more.
FORMAT = 1
MARKER = "refmask-store.json"


def open_store(path: str | PathLike[str], create: bool = False) -> Path:
    """The folder of a store.

    Args:
        path: where.
        create: make it when it is not there.

    Raises:
        ConfigurationError: when it is no store of this format, or cannot be read or made.
    """
    folder = Path(path)
    try:
        _check(folder, create)
    except OSError as error:
        raise ConfigurationError(
            f"cannot read the store {folder}: {error.strerror}; check the path and its permissions"
        ) from None
    return folder


def read_entry(file: Path, kind: str, read: Callable[[bytes], T]) -> T | None:
    """What an entry holds; None when it is not there, or not whole.

    A damaged entry is told by a ``RefmaskWarning`` and otherwise as good as absent.

    Args:
        file: the entry's.
        kind: what to call its content in the warning.
        read: gives what its bytes hold, or raises ``Damaged``.
    """
    try:
        return read(read_bytes(file, kind, Damaged))
    except Damaged as error:
        if isinstance(error.__cause__, FileNotFoundError | NotADirectoryError):
            return None
        reason = str(error)
    except MemoryError:
        reason = "it does not fit into memory"
    warnings.warn(
        f"the {kind} kept in {file} are damaged and left out: {reason}",
        RefmaskWarning,
        stacklevel=3,
    )
    return None


def _check(folder: Path, create: bool) -> None:
    if not is_absent(folder) and not is_folder(folder):
        raise ConfigurationError(
            f"expected a folder as store, but {folder} is a file; name a folder"
        )
    # Looked at before the marker, which another process may be writing right now.
    others = folder.exists() and any(not item.name.startswith(".") for item in folder.iterdir())
    marker = folder / MARKER
    if not marker.exists():
        if not create or others:
            what = "holds other things" if others else "is not there or empty"
            raise ConfigurationError(
                f"expected a store in {folder}, but it {what}; make a store with "
                "'refmask propose FOLDER --proposals NAME --out DIR'"
            )
        write_whole(marker, json.dumps({"format": FORMAT}).encode() + b"\n")
    try:
        told = read_json(marker, "the format of a store", Damaged, "settings")["format"]
    except (Damaged, KeyError, TypeError):
        raise ConfigurationError(
            f"expected the format of a store in {marker}, but the file is damaged; write "
            f'{{"format": {FORMAT}}} into it'
        ) from None
    if told != FORMAT:
        raise ConfigurationError(
            f"expected a store of format {FORMAT} in {folder}, got format {told}; use the "
            "refmask that wrote it, or another folder"
        )
