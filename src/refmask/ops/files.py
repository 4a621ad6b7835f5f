"""Files that are there whole or not at all."""

from __future__ import annotations

import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

from refmask.errors import ConfigurationError
from refmask.ops.reading import is_absent, is_folder


def as_utf8(text: str) -> bytes:
    """Text as a file holds it; bytes of file names that are no text stand as ``\\udcXX``."""
    return text.encode(errors="backslashreplace")


def check_writable(path: Path) -> None:
    """Find out, before the work is done, whether files can be made in a folder; nothing is made.

    Args:
        path: the folder, which need not be there yet.

    Raises:
        ConfigurationError: when they cannot.
    """
    there = next(place for place in (path, *path.absolute().parents) if not is_absent(place))
    if not is_folder(there):
        raise ConfigurationError(f"cannot write to {path}: {there} is no folder; choose another")
    try:
        tempfile.TemporaryFile(dir=there).close()
    except OSError as error:
        raise ConfigurationError(
            f"cannot write to {path}: {error.strerror}; choose another place"
        ) from None


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that no reader, and no kill, ever meets half of it.

    Args:
        path: where; missing folders are made.
        content: all of it.

    Raises:
        ConfigurationError: when it cannot be written there.
    """
    temporary = path.parent / f".{path.name[:40]}.{secrets.token_hex(8)}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as file:
            file.write(content)
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        raise ConfigurationError(
            f"cannot write {path}: {error.strerror}; choose another place"
        ) from None
