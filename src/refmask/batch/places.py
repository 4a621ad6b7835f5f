"""Files by path, or by URI in what pyarrow opens: listed, read, and written whole or not at all."""

from __future__ import annotations

import glob
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit, urlunsplit

import pyarrow
from fsspec.implementations.arrow import ArrowFSWrapper
from pyarrow.fs import FileSelector, FileSystem, FileType, LocalFileSystem

from refmask.errors import ConfigurationError, ImageError, InputError
from refmask.limits import check
from refmask.ops.files import as_utf8
from refmask.ops.finding import images_among, none_found
from refmask.ops.images import check_name

#: Object stores: what is written there appears when all of it has arrived, and not before.
STORES = ("s3", "gcs", "abfs")
#: What stands in a name for a byte that is no text.
BYTES = re.compile(r"\\udc[89a-f][0-9a-f]")


@dataclass(frozen=True)
class Place:
    """A file or folder.

    Attributes:
        system: the file system.
        path: in that system.
        root: the URI of the system's top; "" for paths of this machine.
        base: what paths of the system begin with, such as the bucket.
    """

    system: FileSystem
    path: str
    root: str = ""
    base: str = ""

    def name(self, path: str) -> str:
        """How users call another path of the same system."""
        if not self.root:
            return path
        return urlunsplit(urlsplit(self.root)._replace(path=quote(path.removeprefix(self.base))))


def locate(name: str) -> Place:
    """Where a name leads.

    Args:
        name: a path, or a URI such as ``s3://bucket/folder``; options of the file system follow
            a ``?``, as pyarrow takes them.

    Raises:
        InputError: when it is a URI of nothing that pyarrow opens, or holds a password, which would
            be copied into every row.
    """
    if not is_uri(name):
        return Place(_local(), absolute(name))
    parts = urlsplit(name)
    if parts.password:
        raise InputError(
            f"expected no password in the URI of {parts.path}; give it in the environment, as the "
            "file system's own tools take it"
        )
    root = urlunsplit(parts._replace(path="/", fragment=""))
    system, base = _open(root)
    return Place(system, base + unquote(parts.path).rstrip("/"), root, base)


def is_uri(name: str) -> bool:
    """Whether a name is a URI; anything else is a path of this machine."""
    return "://" in name


def absolute(name: str) -> str:
    """A name that means the same in any working folder; links stay as they are."""
    return name if is_uri(name) else Path(os.path.abspath(name)).as_posix()  # noqa: PTH100


def beside(folder: str, name: str) -> str:
    """A name as a table in a folder means it: relative ones are relative to the folder."""
    if is_uri(name) or os.path.isabs(name):  # noqa: PTH117
        return name
    place = locate(folder)
    return place.name(os.path.normpath(f"{place.path}/{name}"))


@cache
def _local() -> FileSystem:
    return LocalFileSystem()


@cache
def _open(root: str) -> tuple[FileSystem, str]:
    """A file system, kept because opening one may take a question over the network."""
    try:
        system, path = FileSystem.from_uri(root)
    except (pyarrow.ArrowException, OSError) as error:
        raise InputError(
            f"expected a path, or a URI of s3, gs, abfs, hdfs or file, got {root} "
            f"({in_short(error)}); check it"
        ) from None
    return system, path.rstrip("/")


def is_folder(name: str) -> bool:
    """Whether there is a folder of that name.

    Raises:
        InputError: when the place cannot be asked.
    """
    place = locate(name)
    with _told(name):
        return bool(place.system.get_file_info(place.path).type == FileType.Directory)


def find_images(name: str) -> list[str]:
    """Names of image files by path, folder (with all below it) or glob, sorted.

    What is hidden in a folder stays out.

    Raises:
        ImageError: when there is none, or the place cannot be listed.
        InputError: when it is a URI of nothing that pyarrow opens.
    """
    if not name:
        check_name(name)
    place = locate(name)
    with _told(name):
        kind = place.system.get_file_info(place.path).type
        if kind == FileType.Directory:
            found = list(images_among(sorted(_below(place))))
        elif kind == FileType.File:
            return [place.name(place.path)]
        elif glob.has_magic(place.path):
            named = (
                filter(os.path.isfile, glob.glob(place.path, recursive=True))  # noqa: PTH207
                if place.system == _local()
                else ArrowFSWrapper(place.system).glob(place.path)
            )
            found = list(images_among(sorted(named)))
        else:
            raise ImageError(f"expected images in {name}, but it does not exist; check the path")
    if not found:
        raise none_found(name)
    return [place.name(as_utf8(path).decode()) for path in found]


def _below(place: Place) -> list[str]:
    """Files that are not hidden, in a folder and all its folders."""
    if place.system == _local():  # pyarrow stops at a name that is no UTF-8
        walked = os.walk(place.path)
        files = [f"{folder}/{name}" for folder, _, names in walked for name in names]
    else:
        infos = place.system.get_file_info(FileSelector(place.path, recursive=True))
        files = [info.path for info in infos if info.type == FileType.File]
    return [path for path in files if "/." not in path[len(place.path) :]]


def read(name: str, what: str = "an image") -> bytes:
    """The bytes of a file.

    Args:
        name: path or URI.
        what: what to call it in an error.

    Raises:
        ImageError: when there is none, it is too large or cannot be read.
        InputError: when it is a URI of nothing that pyarrow opens.
    """
    place = locate(name)
    with _told(name):
        info = place.system.get_file_info(place.path)
        if info.type != FileType.File:
            fault = "does not exist" if info.type == FileType.NotFound else "is no file"
            if BYTES.search(name):
                raise ImageError(f"the name of {name} is not UTF-8; rename it")
            raise ImageError(f"expected {what} at {name}, but it {fault}; check the path")
        check("file", info.size, name, ImageError)
        with place.system.open_input_file(place.path) as file:
            content: bytes = file.read()
    return content


@contextmanager
def _told(name: str) -> Iterator[None]:
    """Turn what a file system says into one line of ours."""
    try:
        yield
    except (OSError, pyarrow.ArrowException, UnicodeError) as error:
        raise ImageError(f"{name} cannot be read ({in_short(error)}); check the path") from None


def write_whole(folder: str, name: str, content: bytes) -> None:
    """Write a file into a folder so that no reader, and no kill, ever meets half of it.

    In a file system it is written beside its place and renamed. An object store shows what is
    written once it is complete, so nothing is renamed there.

    Raises:
        ConfigurationError: when it cannot be written.
    """
    place = locate(folder)
    path = f"{place.path}/{name}"
    direct = place.system.type_name in STORES
    first = path if direct else f"{place.path}/.{name}.{secrets.token_hex(8)}"
    try:
        if not direct:
            place.system.create_dir(place.path, recursive=True)
        with place.system.open_output_stream(first, compression=None) as file:
            file.write(content)
        if not direct:
            place.system.move(first, path)
    except (OSError, pyarrow.ArrowException) as error:
        if not direct:
            with suppress(OSError):
                place.system.delete_file(first)
        raise ConfigurationError(
            f"cannot write {beside(folder, name)}: {in_short(error)}; choose another place"
        ) from None


def in_short(error: Exception) -> str:
    """The first line of what a library says."""
    return str(error).partition("\n")[0]
