"""The folder of an index: what marks it, what it depends on, and who may write."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from refmask.errors import ConfigurationError, MissingResource, RefmaskError, is_panic
from refmask.fingerprint import Fingerprint
from refmask.ops.files import write_whole
from refmask.ops.reading import MISSHAPEN, is_absent, read_json

if TYPE_CHECKING:
    from types import ModuleType

#: What libraries say of a disk without room.
FULL = ("No space left on device", "os error 28", "Disk quota exceeded")
#: Counted up when older programs cannot read the folder any more.
FORMAT = 1
MARKER, LOCK = "refmask-index.json", ".lock"
MAKE = "make one with 'refmask index add'"


@dataclass(frozen=True)
class Marker:
    """What an index tells of itself.

    Attributes:
        configuration: all that its features and masks depend on.
        alpha: with which its searched vectors are blended.
        dim: D, of each vector.
        folders: absolute paths of those that were added, whose new images ``update`` takes in,
        removed: but for these files and folders.
        trained: number of regions when the approximate index was made; 0 while there is none.
    """

    configuration: Fingerprint
    alpha: float
    dim: int
    folders: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    trained: int = 0


def read_marker(folder: Path) -> Marker:
    """What a folder tells of itself.

    Raises:
        ConfigurationError: when it is no index of this format, or damaged.
    """
    file = folder / MARKER
    if is_absent(file):
        raise ConfigurationError(f"expected an index in {folder}, found none; {MAKE}")
    try:
        told = read_json(file, "a description of an index", most="settings")
        form = told.pop("format")
        if form == FORMAT:
            lists = {name: tuple(map(str, told[name])) for name in ("folders", "removed")}
            own = Fingerprint(told["configuration"])
            return Marker(**(told | lists | {"configuration": own}))
    except MISSHAPEN:
        raise ConfigurationError(
            f"expected a description of the index in {file}, but it is damaged; make the index "
            "anew in another folder"
        ) from None
    raise ConfigurationError(
        f"expected an index of format {FORMAT} in {folder}, got format {form}; use the refmask "
        "that wrote it, or another folder"
    )


def write_marker(folder: Path, marker: Marker) -> None:
    """Write what a folder tells of itself; whoever does so holds its lock."""
    text = json.dumps(
        {"format": FORMAT, **asdict(marker), "configuration": dict(marker.configuration)}, indent=1
    )
    write_whole(folder / MARKER, text.encode() + b"\n")


@contextmanager
def write_lock(folder: Path) -> Iterator[None]:
    """Write to a folder while nobody else does; wait until they are done.

    The system takes the lock back from a process that is killed.

    Raises:
        ConfigurationError: when the folder cannot be written to.
    """
    from filelock import FileLock

    lock = FileLock(folder / LOCK)
    try:
        lock.acquire()
    except OSError as error:
        raise ConfigurationError(
            f"cannot write to the index {folder}: {error.strerror}; check its permissions"
        ) from None
    try:
        yield
    finally:
        lock.release()


def lancedb() -> ModuleType:
    """The library.

    Raises:
        MissingResource: when it is not installed.
    """
    # It warns on stderr of what it mends itself; what fails is raised all the same.
    os.environ.setdefault("LANCEDB_LOG", "error")
    try:
        import lancedb as library
    except ImportError:
        raise MissingResource(
            'an index needs LanceDB, which is not installed; pip install "refmask[index]"'
        ) from None
    return library


@contextmanager
def translate_errors(folder: Path) -> Iterator[None]:
    """Tell what LanceDB cannot do as our own error, in one line."""
    try:
        yield
    except RefmaskError:
        raise
    except BaseException as error:
        if not isinstance(error, RuntimeError | OSError | ValueError) and not is_panic(error):
            raise
        raise ConfigurationError(f"the index {folder} cannot be used: {in_short(error)}") from None


def in_short(error: BaseException) -> str:
    """What LanceDB says, without the lines of its sources, and what to do."""
    told = " ".join(str(error).split()) or type(error).__name__
    if any(text in told for text in FULL):
        return "no space is left on the disk; make room, and run it again"
    told = re.split(r",? *(?:at )?[\w./~-]*\.rs:\d+", told)[0][:200]
    return f"{told}; check the disk, or make the index anew"
