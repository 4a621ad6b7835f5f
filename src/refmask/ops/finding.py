"""Finding image files, by their suffix and under any spelling of their name."""

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
#: Images of phones, read where pillow-heif is installed.
HEIF_SUFFIXES = frozenset({".heic", ".heif", ".hif"})
#: Unsupported images of cameras and drawing programs.
UNREAD = frozenset(
    {".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf", ".psd", ".svg", ".eps"}
    | {".ai", ".pdf", ".tga", ".jxl", ".exr", ".hdr", ".ico", ".pcx", ".xcf", ".dcm", ".djvu"}
)
#: Number of names in a warning.
SHOWN = 3


def find_images(where: str) -> list[Path]:
    """Image files by path, folder or glob, sorted by name.

    A RefmaskWarning names images in a folder that are of unsupported formats.

    Args:
        where: a file, a folder (its image files, not its sub-folders'), or a glob.

    Raises:
        ImageError: when there is none, or it is a URL.
    """
    path = Path(where)
    if not where or not (is_folder(path) or is_file(path)):
        check_name(where)
    if is_folder(path):
        files = (file for file in path.iterdir() if file.is_file())
        images = [Path(file) for file in images_among(sorted(map(str, files)))]
    elif glob.has_magic(where) and not is_file(path):
        names = (Path(name) for name in glob.glob(where, recursive=True))  # noqa: PTH207
        images = sorted(file for file in names if file.is_file() and not is_hidden(file.name))
    else:
        return [path]
    if not images:
        raise none_found(where)
    return images


def images_among(names: Iterable[str]) -> Iterator[str]:
    """The image files of a folder; afterwards one warning names unsupported ones.

    Hidden files, such as those that macOS puts beside others (``._1.png``), are skipped.

    Args:
        names: of files, with or without their folder, with slashes or the system's separators.
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
        _warn(skipped)


def is_hidden(name: str) -> bool:
    """Whether a file with this name, without its folder, is hidden."""
    return name.startswith(".")


def none_found(where: str) -> ImageError:
    """The error for a place without images."""
    kinds = ", ".join(sorted(SUFFIXES))
    return ImageError(f"there are no images in {where} ({kinds}); check the path")


def _warn(skipped: list[str]) -> None:
    shown = ", ".join(skipped[:SHOWN]) + (", ..." if len(skipped) > SHOWN else "")
    heif = any(PurePath(name).suffix.lower() in HEIF_SUFFIXES for name in skipped)
    warnings.warn(
        f"skipped {len(skipped)} image(s) of unsupported formats: {shown}"
        + (f"; for HEIC {HEIF_MISSING}" if heif else ""),
        RefmaskWarning,
        stacklevel=3,
    )


#: Systems store an "é" as one character, or as an "e" with an accent.
FORMS: tuple[Literal["NFC", "NFD"], ...] = ("NFC", "NFD")


def image_key(name: str) -> str:
    """A key that all spellings of a name share.

    Args:
        name: with or without folders, such as ``photos\\caf%C3%A9.jpg``.
    """
    return unicodedata.normalize("NFC", unquote(name).replace("\\", "/"))


def image_stem(name: str) -> str:
    """The ``image_key`` without folders and suffix."""
    return PurePosixPath(image_key(name)).stem


def leads_out(name: str) -> bool:
    """Whether a name, in any spelling, leads out of the folder that it is relative to."""
    key = image_key(name)
    return bool(PurePath(key).anchor) or ".." in key.split("/")


def located(path: Path) -> Path:
    """The existing file for a path in any spelling of its name; the path itself if there is none.

    Args:
        path: a folder and a name, such as a table's, of a file in it or below.
    """
    return next((candidate for candidate in _spellings(path) if is_file(candidate)), path)


def _spellings(path: Path) -> Iterator[Path]:
    yield path
    slashed = path.name.replace("\\", "/")
    plain = unquote(slashed)
    for form in FORMS:
        slashed, plain = (unicodedata.normalize(form, name) for name in (slashed, plain))
        yield from (path.parent / name for name in (slashed, plain, quote(plain, errors="replace")))
