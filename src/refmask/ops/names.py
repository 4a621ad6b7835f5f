"""Names of picture files that mean the same: composed or not, quoted or not, either slash."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from pathlib import Path, PurePath, PurePosixPath
from typing import Literal
from urllib.parse import quote, unquote

from refmask.ops.reading import is_file

#: Systems differ in how they keep an "é": as one character, or as an "e" with an accent.
FORMS: tuple[Literal["NFC", "NFD"], ...] = ("NFC", "NFD")


def picture_key(name: str) -> str:
    """What two spellings of one name have in common.

    Args:
        name: with or without folders, such as ``photos\\caf%C3%A9.jpg``.
    """
    return unicodedata.normalize("NFC", unquote(name).replace("\\", "/"))


def picture_stem(name: str) -> str:
    """The file name without folders and ending, spelt as ``picture_key`` spells it."""
    return PurePosixPath(picture_key(name)).stem


def leads_out(name: str) -> bool:
    """Whether a name, however it is spelt, leads out of the folder that it is relative to."""
    key = picture_key(name)
    return bool(PurePath(key).anchor) or ".." in key.split("/")


def located(path: Path) -> Path:
    """The file that a table means by a path, however it spells its name; the path if there is none.

    Args:
        path: a folder and the table's name for a file in it, or below.
    """
    return next((one for one in _spellings(path) if is_file(one)), path)


def _spellings(path: Path) -> Iterator[Path]:
    yield path
    slashed = path.name.replace("\\", "/")
    plain = unquote(slashed)
    for form in FORMS:
        slashed, plain = (unicodedata.normalize(form, name) for name in (slashed, plain))
        yield from (path.parent / name for name in (slashed, plain, quote(plain, errors="replace")))
