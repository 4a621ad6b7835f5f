"""Files by path, or by URI as pyarrow opens it: listed, read, and written whole or not at all."""

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

#: Object stores: a file appears there only once it is complete.
STORES = ("s3", "gcs", "abfs")
#: How ``as_utf8`` spells a byte of a name that is no UTF-8.
BYTES = re.compile(r"\\udc[89a-f][0-9a-f]")


@dataclass(frozen=True)
class Location:
    """A file or folder in a file system.

    Attributes:
        system: the file system.
        path: in that system.
        root: URI of the system's top; "" for paths of this machine.
        base: prefix of the system's paths that is part of ``root``, such as the bucket.
    """

    system: FileSystem
    path: str
    root: str = ""
    base: str = ""

    def name(self, path: str) -> str:
        """Path or URI, as users write it, of another path in the same system."""
        if not self.root:
            return path
        return urlunsplit(urlsplit(self.root)._replace(path=quote(path.removeprefix(self.base))))


def locate(name: str) -> Location:
    """Open the file system that a name belongs to.

    Args:
        name: a path, or a URI such as ``s3://bucket/folder``; options of the file system follow
            a ``?``, as pyarrow takes them.

    Raises:
        InputError: when pyarrow cannot open the URI, or it holds a password, which would be copied
            into every row.
    """
    if not is_uri(name):
        return Location(_local(), absolute(name))
    parts = urlsplit(name)
    if parts.password:
        raise InputError(
            f"the URI of {parts.path} holds a password; set it in the environment instead, as the "
            "storage's own tools do"
        )
    root = urlunsplit(parts._replace(path="/", fragment=""))
    system, base = _open(root)
    return Location(system, base + unquote(parts.path).rstrip("/"), root, base)


def is_uri(name: str) -> bool:
    """Whether a name is a URI; anything else is a path of this machine."""
    return "://" in name


def absolute(name: str) -> str:
    """A URI as it is, a path without dependence on the working folder; links are kept."""
    return name if is_uri(name) else Path(os.path.abspath(name)).as_posix()  # noqa: PTH100


def resolve(folder: str, name: str) -> str:
    """A name from a table: relative ones are relative to ``folder``."""
    if is_uri(name) or os.path.isabs(name):  # noqa: PTH117
        return name
    location = locate(folder)
    return location.name(os.path.normpath(f"{location.path}/{name}"))


@cache
def _local() -> FileSystem:
    return LocalFileSystem()


@cache
def _open(root: str) -> tuple[FileSystem, str]:
    """A file system and its base path; cached, as opening may need the network."""
    try:
        system, path = FileSystem.from_uri(root)
    except (pyarrow.ArrowException, OSError) as error:
        raise InputError(
            f"{root} cannot be opened ({first_line(error)}); use a path, or a URI of s3, gs, abfs, "
            "hdfs or file"
        ) from None
    return system, path.rstrip("/")


def is_folder(name: str) -> bool:
    """Whether a folder of that name exists.

    Raises:
        InputError: when the file system does not answer.
    """
    location = locate(name)
    with _translate_errors(name):
        return bool(location.system.get_file_info(location.path).type == FileType.Directory)


def find_images(name: str) -> list[str]:
    """Names of image files by path, folder (with all below it) or glob, sorted.

    Hidden files and folders are left out of a folder.

    Raises:
        ImageError: when there is none, or the folder cannot be listed.
        InputError: when pyarrow cannot open the URI.
    """
    if not name:
        check_name(name)
    location = locate(name)
    with _translate_errors(name):
        kind = location.system.get_file_info(location.path).type
        if kind == FileType.File:
            return [location.name(location.path)]
        if kind == FileType.Directory:
            paths = _below(location)
        elif not glob.has_magic(location.path):
            raise ImageError(f"{name} does not exist; check the path")
        elif location.system == _local():
            matches = glob.glob(location.path, recursive=True)  # noqa: PTH207
            paths = list(filter(os.path.isfile, matches))
        else:
            paths = ArrowFSWrapper(location.system).glob(location.path)
        found = list(images_among(sorted(paths)))
    if not found:
        raise none_found(name)
    return [location.name(as_utf8(path).decode()) for path in found]


def _below(location: Location) -> list[str]:
    """Files that are not hidden, in a folder and all folders below it."""
    if location.system == _local():  # pyarrow stops at a name that is no UTF-8
        walked = os.walk(location.path)
        files = [f"{folder}/{name}" for folder, _, names in walked for name in names]
    else:
        infos = location.system.get_file_info(FileSelector(location.path, recursive=True))
        files = [info.path for info in infos if info.type == FileType.File]
    return [path for path in files if "/." not in path[len(location.path) :]]


def read(name: str, what: str = "an image") -> bytes:
    """The bytes of a file.

    Args:
        name: path or URI.
        what: the kind of file, for messages.

    Raises:
        ImageError: when it does not exist, is too large or cannot be read.
        InputError: when pyarrow cannot open the URI.
    """
    location = locate(name)
    with _translate_errors(name):
        info = location.system.get_file_info(location.path)
        if info.type != FileType.File:
            if BYTES.search(name):
                raise ImageError(f"the name of {name} is not UTF-8; rename it")
            fault = "does not exist" if info.type == FileType.NotFound else f"is not {what}"
            raise ImageError(f"{name} {fault}; check the path")
        check("file", info.size, name, ImageError)
        with location.system.open_input_file(location.path) as file:
            content: bytes = file.read()
    return content


@contextmanager
def _translate_errors(name: str) -> Iterator[None]:
    """Raise a file system's errors as ImageError, on one line."""
    try:
        yield
    except (OSError, pyarrow.ArrowException, UnicodeError) as error:
        raise ImageError(f"{name} cannot be read ({first_line(error)}); check the path") from None


def write_whole(folder: str, name: str, content: bytes) -> None:
    """Write a file so that neither readers nor a kill ever leave half of it in place.

    A file system gets a temporary file that is then renamed. An object store shows a file only once
    it is complete, so there it is written directly.

    Raises:
        ConfigurationError: when it cannot be written.
    """
    location = locate(folder)
    path = f"{location.path}/{name}"
    direct = location.system.type_name in STORES
    target = path if direct else f"{location.path}/.{name}.{secrets.token_hex(8)}"
    try:
        if not direct:
            location.system.create_dir(location.path, recursive=True)
        with location.system.open_output_stream(target, compression=None) as file:
            file.write(content)
        if not direct:
            location.system.move(target, path)
    except (OSError, pyarrow.ArrowException) as error:
        if not direct:
            with suppress(OSError):
                location.system.delete_file(target)
        raise ConfigurationError(
            f"cannot write {resolve(folder, name)}: {first_line(error)}; choose another folder"
        ) from None


def first_line(error: Exception) -> str:
    """The first line of a library's message."""
    return str(error).strip().partition("\n")[0]
