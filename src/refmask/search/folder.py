"""The folder of an index: its marker file, its lock, and errors of LanceDB."""

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

#: How libraries report a full disk.
FULL = ("No space left on device", "os error 28", "Disk quota exceeded")
#: Increased when older versions can no longer read the folder.
FORMAT = 1
MARKER, LOCK = "refmask-index.json", ".lock"


@dataclass(frozen=True)
class Marker:
    """The metadata of an index.

    Attributes:
        configuration: all that its features and masks depend on.
        alpha: weight of the global feature in its searched vectors.
        dim: D, of each vector.
        folders: absolute paths of added folders, whose new images ``update`` adds.
        removed: absolute paths of files and folders in them that ``update`` skips.
        trained: number of regions when the approximate index was built; 0 without one.
    """

    configuration: Fingerprint
    alpha: float
    dim: int
    folders: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    trained: int = 0


def read_marker(folder: Path) -> Marker:
    """Read the metadata of an index.

    Raises:
        ConfigurationError: when the folder is no index of this format, or damaged.
    """
    file = folder / MARKER
    if is_absent(file):
        raise ConfigurationError(
            f"there is no index in {folder}; create one with 'refmask index add'"
        )
    try:
        fields = read_json(file, "a description of an index", most="settings")
        version = fields.pop("format")
        if version == FORMAT:
            lists = {name: tuple(map(str, fields[name])) for name in ("folders", "removed")}
            configuration = Fingerprint(fields["configuration"])
            marker = Marker(**(fields | lists | {"configuration": configuration}))
            if not (0 <= marker.alpha <= 1 <= marker.dim and marker.trained >= 0):
                raise ValueError
            return marker
    except MISSHAPEN:
        raise ConfigurationError(
            f"{file}, which describes the index, is damaged; create the index again in another "
            "folder"
        ) from None
    raise ConfigurationError(
        f"the index in {folder} has format {version}, but this refmask reads format {FORMAT}; use "
        "the refmask that wrote it, or another folder"
    )


def write_marker(folder: Path, marker: Marker) -> None:
    """Write the metadata of an index. Needs ``write_lock``."""
    text = json.dumps(
        {"format": FORMAT, **asdict(marker), "configuration": dict(marker.configuration)}, indent=1
    )
    write_whole(folder / MARKER, text.encode() + b"\n")


@contextmanager
def write_lock(folder: Path) -> Iterator[None]:
    """Lock a folder for writing; wait for other writers.

    The system releases the lock of a killed process.

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
    """Import the library.

    Raises:
        MissingResource: when it is not installed.
    """
    # It warns on stderr of what it repairs itself; failures are raised all the same.
    os.environ.setdefault("LANCEDB_LOG", "error")
    try:
        import lancedb as library
    except ImportError:
        raise MissingResource(
            'LanceDB, which an index needs, is not installed; pip install "refmask[index]"'
        ) from None
    return library


@contextmanager
def translate_errors(folder: Path) -> Iterator[None]:
    """Raise LanceDB's errors as ConfigurationError, on one line."""
    try:
        yield
    except RefmaskError:
        raise
    except BaseException as error:
        if not isinstance(error, RuntimeError | OSError | ValueError) and not is_panic(error):
            raise
        raise ConfigurationError(f"the index {folder} cannot be used: {_reason(error)}") from None


def _reason(error: BaseException) -> str:
    """LanceDB's message without its source lines, and what to do."""
    message = " ".join(str(error).split()) or type(error).__name__
    if any(text in message for text in FULL):
        return "no space is left on the disk; free some, and run it again"
    message = re.split(r",? *(?:at )?[\w./~-]*\.rs:\d+", message)[0][:200]
    return f"{message}; check the disk, or create the index again"
