"""SHA-256 of files of weights."""

from __future__ import annotations

import hashlib
from pathlib import Path

from refmask.errors import WeightsError


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file in hexadecimal digits, read in blocks.

    Raises:
        WeightsError: when there is no such file or it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise WeightsError(
            f"expected a weights file at {path}, it cannot be read: {error.strerror}; "
            "check the path"
        ) from None


def sha256_of_folder(folder: Path) -> str:
    """SHA-256 over names and contents of all files below a folder but its cards (``.md``)."""
    files = sorted(file for file in folder.rglob("*") if file.is_file() and file.suffix != ".md")
    lines = [f"{sha256_of(file)}  {file.relative_to(folder).as_posix()}\n" for file in files]
    return hashlib.sha256("".join(lines).encode()).hexdigest()
