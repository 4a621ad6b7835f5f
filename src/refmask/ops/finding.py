"""Image files among others: what their names are, and what is told of those left out."""

from __future__ import annotations

import glob
import unicodedata
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePath, PurePosixPath
from typing import Literal
from urllib.parse import quote, unquote

from refmask.errors import ImageError, RefmaskWarning
from refmask.ops.images import check_name
from refmask.ops.opening import HEIF_MISSING, has_heif
from refmask.ops.reading import is_file, is_folder

SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".pjpeg", ".pjp", ".mpo", ".webp", ".avif"}
    | {".bmp", ".dib", ".gif", ".tif", ".tiff", ".ppm", ".pgm", ".pnm", ".jp2", ".j2k"}
)
#: Of phones: images where pillow-heif is installed.
HEIF_SUFFIXES = frozenset({".heic", ".heif", ".hif"})
#: Images of cameras and drawing programs that are not read.
UNREAD = frozenset(
    {".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf", ".psd", ".svg", ".eps"}
    | {".ai", ".pdf", ".tga", ".jxl", ".exr", ".hdr", ".ico", ".pcx", ".xcf", ".dcm", ".djvu"}
)
#: How many names a warning shows.
SHOWN = 3


def find_images(where: str) -> list[Path]:
    """Image files by path, folder or glob, sorted by name.

    Images in a folder that cannot be read here are told by a RefmaskWarning.

    Args:
        where: one file, a folder (its own image files, not its sub-folders'), or a glob.

    Raises:
        ImageError: when there is none, or it is a URL.
    """
    path = Path(where)
    if not where or not (is_folder(path) or is_file(path)):
        check_name(where)
    if is_folder(path):
        files = (file for file in path.iterdir() if file.is_file())
        found = [Path(file) for file in images_among(sorted(map(str, files)))]
    elif is_file(path):
        return [path]
    elif glob.has_magic(where):
        names = (Path(name) for name in glob.glob(where, recursive=True))  # noqa: PTH207
        found = sorted(file for file in names if file.is_file() and not is_hidden(file.name))
    else:
        return [path]
    if not found:
        raise none_found(where)
    return found


def images_among(names: Iterable[str]) -> Iterator[str]:
    """Those of a folder's files that are images; when all are given, others are told once.

    Hidden files, such as those that macOS puts beside others (``._1.png``), are none.

    Args:
        names: of files, with or without their folder, with slashes or as the system has them.
    """
    skipped = []
    for name in names:
        file = PurePath(name)
        suffix = file.suffix.lower()
        if is_hidden(file.name):
            continue
        if suffix in SUFFIXES or (suffix in HEIF_SUFFIXES and has_heif()):
            yield name
        elif suffix in HEIF_SUFFIXES | UNREAD:
            skipped.append(name)
    if skipped:
        _tell(skipped)


def is_hidden(name: str) -> bool:
    """Whether a file's name, without its folder, hides it."""
    return name.startswith(".")


def none_found(where: str) -> ImageError:
    """The error for a place without images."""
    kinds = ", ".join(sorted(SUFFIXES))
    return ImageError(f"expected images in {where}, found none ({kinds}); check the path")


def _tell(skipped: list[str]) -> None:
    shown = ", ".join(skipped[:SHOWN]) + (", ..." if len(skipped) > SHOWN else "")
    heif = any(PurePath(name).suffix.lower() in HEIF_SUFFIXES for name in skipped)
    warnings.warn(
        f"skipped {len(skipped)} image(s) of kinds that are not read here: {shown}"
        + (f"; for HEIC {HEIF_MISSING}" if heif else ""),
        RefmaskWarning,
        stacklevel=3,
    )


#: Systems differ in how they keep an "é": as one character, or as an "e" with an accent.
FORMS: tuple[Literal["NFC", "NFD"], ...] = ("NFC", "NFD")


def image_key(name: str) -> str:
    """What two spellings of one name have in common.

    Args:
        name: with or without folders, such as ``photos\\caf%C3%A9.jpg``.
    """
    return unicodedata.normalize("NFC", unquote(name).replace("\\", "/"))


def image_stem(name: str) -> str:
    """The file name without folders and ending, spelt as ``image_key`` spells it."""
    return PurePosixPath(image_key(name)).stem


def leads_out(name: str) -> bool:
    """Whether a name, however it is spelt, leads out of the folder that it is relative to."""
    key = image_key(name)
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
