"""Writing files atomically."""

from __future__ import annotations

import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

from refmask.errors import ConfigurationError
from refmask.ops.reading import is_absent, is_folder


def as_utf8(text: str) -> bytes:
    """Text as UTF-8; undecodable bytes of file names become ``\\udcXX``."""
    return text.encode(errors="backslashreplace")


def check_writable(path: Path) -> None:
    """Check, before the work starts, that files can be created in a folder.

    Args:
        path: the folder, which need not exist yet; it is not created.

    Raises:
        ConfigurationError: when they cannot.
    """
    folder = next(parent for parent in (path, *path.absolute().parents) if not is_absent(parent))
    if not is_folder(folder):
        raise ConfigurationError(f"cannot write to {path}: {folder} is no folder; choose another")
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise ConfigurationError(
            f"cannot write to {path}: {error.strerror}; choose another place"
        ) from None


def write_whole(path: Path, content: bytes) -> None:
    """Write a file atomically: readers see all of it or nothing, even after a kill.

    Args:
        path: of the file; missing folders are created.
        content: of the file.

    Raises:
        ConfigurationError: when it cannot be written.
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
