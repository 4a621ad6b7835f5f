"""Picture files among others: what their names are, and what is told of those left out."""

from __future__ import annotations

import glob
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePath

from refmask.errors import ImageError, RefmaskWarning
from refmask.ops.images import check_name
from refmask.ops.opening import HEIF_MISSING, has_heif
from refmask.ops.reading import is_file, is_folder

SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".pjpeg", ".pjp", ".mpo", ".webp", ".avif"}
    | {".bmp", ".dib", ".gif", ".tif", ".tiff", ".ppm", ".pgm", ".pnm", ".jp2", ".j2k"}
)
#: Of phones: pictures where pillow-heif is installed.
HEIF_SUFFIXES = frozenset({".heic", ".heif", ".hif"})
#: Pictures of cameras and drawing programs that are not read.
UNREAD = frozenset(
    {".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf", ".psd", ".svg", ".eps"}
    | {".ai", ".pdf", ".tga", ".jxl", ".exr", ".hdr", ".ico", ".pcx", ".xcf", ".dcm", ".djvu"}
)
#: How many names a warning shows.
SHOWN = 3


def find_pictures(where: str) -> list[Path]:
    """Picture files by path, folder or glob, sorted by name.

    Pictures in a folder that cannot be read here are told by a RefmaskWarning.

    Args:
        where: one file, a folder (its own picture files, not its sub-folders'), or a glob.

    Raises:
        ImageError: when there is none, or it is a URL.
    """
    path = Path(where)
    if not where or not (is_folder(path) or is_file(path)):
        check_name(where)
    if is_folder(path):
        files = (file for file in path.iterdir() if file.is_file())
        found = [Path(file) for file in pictures_among(sorted(map(str, files)))]
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


def pictures_among(names: Iterable[str]) -> Iterator[str]:
    """Those of a folder's files that are pictures; when all are given, others are told once.

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
    """The error for a place without pictures."""
    kinds = ", ".join(sorted(SUFFIXES))
    return ImageError(f"expected pictures in {where}, found none ({kinds}); check the path")


def _tell(skipped: list[str]) -> None:
    shown = ", ".join(skipped[:SHOWN]) + (", ..." if len(skipped) > SHOWN else "")
    heif = any(PurePath(name).suffix.lower() in HEIF_SUFFIXES for name in skipped)
    warnings.warn(
        f"skipped {len(skipped)} image(s) of kinds that are not read here: {shown}"
        + (f"; for HEIC {HEIF_MISSING}" if heif else ""),
        RefmaskWarning,
        stacklevel=3,
    )
