"""Image files on disk: finding them, and noticing changes."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TypeVar

from refmask.ops.finding import images_among, is_hidden, none_found
from refmask.ops.images import check_name
from refmask.ops.opening import open_image
from refmask.ops.reading import BROKEN, is_file, is_folder

T = TypeVar("T")

#: Tags of EXIF: the photograph's section, and in it the time.
EXIF, TAKEN = 0x8769, 0x9003


@dataclass(frozen=True)
class File:
    """An image file.

    Attributes:
        path: absolute, links followed.
        given: the path as the user wrote it.
    """

    path: str
    given: str


@dataclass(frozen=True)
class State:
    """What changes when a file is written.

    Attributes:
        size: bytes.
        modified: time of last change, nanoseconds since 1970.
    """

    size: int
    modified: int


def find(places: Iterable[str | os.PathLike[str]]) -> tuple[list[File], list[str]]:
    """Image files by path, folder or glob, each once.

    Args:
        places: files, folders (with all below them but hidden ones), or globs.

    Returns:
        The files in the order of places and names, and the absolute paths of the folders.

    Raises:
        ImageError: when a folder or a glob holds no image.
    """
    files: dict[str, File] = {}
    folders = []
    for file_or_glob in places:
        place = os.fspath(file_or_glob)
        found = list(_found(place))
        if not found:
            raise none_found(place)
        for name in found:
            path = str(Path(name).resolve())
            files.setdefault(path, File(path, name))
        if is_folder(Path(place)):
            folders.append(str(Path(place).resolve()))
    return list(files.values()), folders


def images_below(folder: str) -> list[File]:
    """Image files in a folder and below it, but hidden ones; none when it does not exist."""
    return [File(str(Path(name).resolve()), name) for name in _walked(folder)]


def state(path: str) -> State | None:
    """The state of a file; None when it does not exist."""
    try:
        info = Path(path).stat()
    except (OSError, ValueError):
        return None
    return State(info.st_size, info.st_mtime_ns)


def date(path: str, modified: int) -> datetime:
    """When an image was taken by its EXIF, else when its file was written, in local time.

    Args:
        path: of a readable image.
        modified: nanoseconds since 1970.
    """
    with suppress(*BROKEN), open_image(Path(path)) as image:
        taken = image.getexif().get_ifd(EXIF)[TAKEN]
        return datetime.strptime(taken.strip("\0 "), "%Y:%m:%d %H:%M:%S")
    return datetime.fromtimestamp(modified // 10**9)


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """The items in lists of ``size``, the last one shorter."""
    remaining = iter(items)
    while batch := list(islice(remaining, size)):
        yield batch


def _found(place: str) -> Iterator[str]:
    if not place or not (is_folder(Path(place)) or is_file(Path(place))):
        check_name(place)
    if is_folder(Path(place)):
        yield from _walked(place)
    elif is_file(Path(place)):
        yield place
    elif glob.has_magic(place):
        for name in sorted(glob.glob(place, recursive=True)):  # noqa: PTH207
            if Path(name).is_file() and not is_hidden(Path(name).name):
                yield name
    else:
        yield place


def _walked(place: str) -> Iterator[str]:
    def all_below() -> Iterator[str]:
        for folder, folders, names in os.walk(place):
            folders[:] = sorted(name for name in folders if not is_hidden(name))
            for name in sorted(names):
                yield os.path.join(folder, name)  # noqa: PTH118  keeps `place` as written

    return images_among(all_below())
