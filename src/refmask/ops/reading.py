"""Reading files from outside: whole, bounded, and with our errors only.

One function a kind: bytes, text, JSON, arrays (``.npz``). A file is a file: devices, pipes and
folders are refused before they are opened, and what is too large before it is read.
"""

from __future__ import annotations

import json
import lzma
import math
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path
from tokenize import TokenError
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from refmask.errors import InputError, RefmaskError
from refmask.limits import check

Array = npt.NDArray[Any]
T = TypeVar("T")

#: Digits of the largest whole number that is read: what 64 bits hold.
DIGITS = 18
#: How texts may begin: with a mark that tells their encoding.
MARKS = {
    b"\xef\xbb\xbf": "utf-8-sig",
    b"\xff\xfe\x00\x00": "utf-32",
    b"\x00\x00\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}
#: Bytes that are read at a time.
PIECE = 2**20
#: What libraries raise on damaged files, besides ``pickle.UnpicklingError``.
BROKEN = (
    *(
        zipfile.BadZipFile,
        zlib.error,
        lzma.LZMAError,
        struct.error,
        TokenError,
        OSError,
        EOFError,
        BufferError,
    ),
    *(RuntimeError, MemoryError, ArithmeticError, AssertionError, SyntaxError, ImportError),
    *(AttributeError, LookupError, TypeError, ValueError),
)
#: What records of another form raise when their parts are taken: also whole numbers of infinity.
MISSHAPEN = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError)


def in_short(error: BaseException) -> str:
    """A library's error on one line of at most 200 characters."""
    told = getattr(error, "strerror", None) or " ".join(str(error).split())
    return str(told)[:200] or type(error).__name__


def is_absent(path: Path) -> bool:
    """Whether there is nothing at a path; False when that cannot be told."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ValueError):
        pass
    return False


def is_file(path: Path) -> bool:
    """Whether there is a file at a path; False when that cannot be told, as of a name too long."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def is_folder(path: Path) -> bool:
    """Whether there is a folder at a path; False when that cannot be told."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def whole(value: Any) -> int:
    """A number of a record as a whole one.

    Raises:
        one of MISSHAPEN: when it is none that 64 bits hold.
    """
    number = int(value)
    if not -(2**63) <= number < 2**63:
        raise OverflowError(f"number of 64 bits, got {value!r}")
    return number


def check_file(
    path: Path,
    what: str,
    error: type[RefmaskError] = InputError,
    most: str = "file",
    way_out: str = "check the path",
) -> int:
    """The size of a regular file, in bytes.

    Args:
        path: of the file.
        what: what it should be, for messages.
        error: to be raised.
        most: name of the limit of its size.
        way_out: what to do when it is not there, for messages.

    Raises:
        RefmaskError: of that class, when there is none, it is a folder, a device or a pipe, or too
            large.
    """
    try:
        state = path.stat()
    except (OSError, ValueError) as fault:
        missing = isinstance(fault, FileNotFoundError | NotADirectoryError)
        told = "there is no such file" if missing else in_short(fault)
        raise error(f"expected {what} at {path}, but {told}; {way_out}") from fault
    if not stat.S_ISREG(state.st_mode):
        kind = "a folder" if stat.S_ISDIR(state.st_mode) else "a device or a pipe"
        raise error(f"expected {what} at {path}, but it is {kind}; {way_out}")
    check(most, state.st_size, f"{what} in {path}", error)
    return state.st_size


def read_bytes(
    path: Path,
    what: str,
    error: type[RefmaskError] = InputError,
    most: str = "file",
    way_out: str = "check the path",
) -> bytes:
    """A file's content; arguments and errors as of ``check_file``."""
    size = check_file(path, what, error, most, way_out)
    try:
        with path.open("rb") as file:
            return file.read(size or PIECE)  # some systems' files do not tell their size
    except OSError as fault:
        raise error(
            f"expected {what} at {path}, but it cannot be read ({in_short(fault)}); check the path "
            "and its permissions"
        ) from fault


def decode_text(content: bytes, where: str, error: type[RefmaskError] = InputError) -> str:
    """Text of UTF-8, or of what its first bytes tell: UTF-16 or UTF-32.

    Raises:
        RefmaskError: of that class, when it is none.
    """
    encoding = next((MARKS[mark] for mark in MARKS if content.startswith(mark)), "utf-8")
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as fault:
        raise error(
            f"expected UTF-8 text in {where}, got other bytes at {fault.start}; save it as UTF-8"
        ) from None


def read_text(
    path: Path, what: str, error: type[RefmaskError] = InputError, most: str = "file"
) -> str:
    """A file's text: see ``read_bytes`` and ``decode_text``."""
    return decode_text(read_bytes(path, what, error, most), str(path), error)


def parse_json(
    content: bytes | str,
    where: str | Path,
    error: type[RefmaskError] = InputError,
    hook: Callable[[dict[str, Any]], Any] | None = None,
    digits: int = DIGITS,
) -> Any:
    """What JSON holds.

    Args:
        content: the JSON.
        where: it stands, for messages.
        error: to be raised.
        hook: what is kept of each object, called as soon as it has been read.
        digits: of the largest whole number that is read.

    Raises:
        RefmaskError: of that class, when it is no JSON, nested too deeply, or holds whole numbers
            of more digits.
    """
    text = content if isinstance(content, str) else decode_text(content, str(where), error)
    try:
        return json.loads(text, object_hook=hook, parse_int=partial(_whole, digits))
    except (ValueError, RecursionError) as fault:
        told = "nested too deeply" if isinstance(fault, RecursionError) else in_short(fault)
        raise error(f"expected JSON in {where}, got something else ({told}); correct it") from None


def read_json(
    path: Path,
    what: str,
    error: type[RefmaskError] = InputError,
    most: str = "file",
    hook: Callable[[dict[str, Any]], Any] | None = None,
    digits: int = DIGITS,
) -> Any:
    """What a JSON file holds: see ``read_bytes`` and ``parse_json``."""
    return parse_json(read_bytes(path, what, error, most), path, error, hook, digits)


class Header(NamedTuple):
    """What an array in a file says of itself before its values."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]


def read_headers(
    path: Path, names: Collection[str], what: str, error: type[RefmaskError] = InputError
) -> tuple[dict[str, Header], list[str]]:
    """As ``read_arrays``, but no array's values are read."""
    return _of_archive(path, names, what, error, _header)


def read_arrays(
    path: Path, names: Collection[str], what: str, error: type[RefmaskError] = InputError
) -> tuple[dict[str, Array], list[str]]:
    """Arrays of an ``.npz`` file, without objects, which are programs.

    Args:
        path: of the file.
        names: of the arrays that are wanted, where they are there.
        what: it should hold, for messages.
        error: to be raised.

    Returns:
        The arrays by name, and the names of all that are there.

    Raises:
        RefmaskError: of that class, when it is no such file, damaged, or too large in memory.
    """
    return _of_archive(path, names, what, error, _array)


def _of_archive(
    path: Path,
    names: Collection[str],
    what: str,
    error: type[RefmaskError],
    read: Callable[[Any, zipfile.ZipInfo], T],
) -> tuple[dict[str, T], list[str]]:
    """What ``read`` makes of each wanted array, and the names of all arrays."""
    check_file(path, what, error)
    try:
        with zipfile.ZipFile(path) as archive:
            there = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            wanted = {name: there[name] for name in names if name in there}
            check("unpacked", _told_size(wanted.values()), f"{what} in {path}", error)
            found = {}
            for name, info in wanted.items():
                if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    raise ValueError("an array that is compressed as numpy does not")
                with archive.open(info) as file:
                    found[name] = read(file, info)
    except RefmaskError:
        raise
    except BROKEN as fault:
        raise error(
            f"expected {what} in {path}, but it is no whole .npz file ({in_short(fault)}); make it "
            "again"
        ) from None
    return found, list(there)


def _told_size(infos: Collection[zipfile.ZipInfo]) -> int:
    return sum(info.file_size for info in infos)


def _header(file: Any, info: zipfile.ZipInfo) -> Header:
    return Header(*_checked_header(file, info)[::2])


def _checked_header(file: Any, info: zipfile.ZipInfo) -> tuple[tuple[int, ...], bool, Any]:
    """Shape, order and type of an array, when it is of numbers and its bytes are there."""
    version = np.lib.format.read_magic(file)  # type: ignore[no-untyped-call]
    shape, fortran, dtype = _HEADERS[version](file)
    size = math.prod(shape) * dtype.itemsize
    if dtype.kind not in "biuf" or min(shape, default=0) < 0 or size > info.file_size:
        raise ValueError("an array that is none of numbers, or larger than its bytes")
    return shape, fortran, dtype


def _array(file: Any, info: zipfile.ZipInfo) -> Array:
    shape, fortran, dtype = _checked_header(file, info)
    flat = np.empty(math.prod(shape), dtype)
    _fill(file, flat.view(np.uint8).data)
    return flat.reshape(shape[::-1]).T if fortran else flat.reshape(shape)


def _fill(file: Any, room: memoryview) -> None:
    """Piece by piece, since a zip file's reader makes a copy of each."""
    at = 0
    while at < len(room):
        got = file.readinto(room[at : at + PIECE])
        if not got:
            raise EOFError("an array that is cut short")
        at += got


_HEADERS: dict[tuple[int, int], Callable[[Any], tuple[Any, ...]]] = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def _whole(most: int, digits: str) -> int:
    if len(digits.removeprefix("-")) > most:
        raise ValueError(f"a whole number of {len(digits)} digits")
    return int(digits)
