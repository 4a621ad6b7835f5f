"""Reading untrusted files: within limits, and with refmask's errors.

One function per kind: bytes, text, JSON, arrays (``.npz``). Devices, pipes and folders are refused
before they are opened, too large files before they are read.
"""

from __future__ import annotations

import gzip
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
from refmask.limits import check, limit

Array = npt.NDArray[Any]
T = TypeVar("T")

#: Digits of the largest accepted whole number, which fits into 64 bits.
DIGITS = 18
#: Byte order marks, and the encodings that they announce.
MARKS = {
    b"\xef\xbb\xbf": "utf-8-sig",
    b"\xff\xfe\x00\x00": "utf-32",
    b"\x00\x00\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}
#: Bytes per read.
PIECE = 2**20
#: Errors that libraries raise on damaged files, besides ``pickle.UnpicklingError``.
BROKEN = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, TokenError),
    *(OSError, EOFError, BufferError, RuntimeError, MemoryError, ArithmeticError, AssertionError),
    *(SyntaxError, ImportError, AttributeError, LookupError, TypeError, ValueError),
)
#: Errors on access to records of another structure, including ``int`` of infinity.
MISSHAPEN = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError)


def in_short(error: BaseException) -> str:
    """A library's error on one line of at most 200 characters."""
    message = getattr(error, "strerror", None) or " ".join(str(error).split())
    return str(message)[:200] or type(error).__name__


def is_absent(path: Path) -> bool:
    """Whether there is nothing at a path; False when that is unknown."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ValueError):
        pass
    return False


def is_file(path: Path) -> bool:
    """Whether there is a file at a path; False when that is unknown, as for too long a name."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def is_folder(path: Path) -> bool:
    """Whether there is a folder at a path; False when that is unknown."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def whole(value: Any) -> int:
    """A record's number as an integer.

    Raises:
        one of MISSHAPEN: when it is none, or does not fit into 64 bits.
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
        what: its content, for messages.
        error: class to raise.
        most: name of the limit on its size.
        way_out: what to do when it is missing, for messages.

    Raises:
        RefmaskError: of that class, when it does not exist, is a folder, a device or a pipe, or is
            too large.
    """
    try:
        state = path.stat()
    except (OSError, ValueError) as fault:
        missing = isinstance(fault, FileNotFoundError | NotADirectoryError)
        reason = "there is no such file" if missing else in_short(fault)
        raise error(f"cannot read {what} from {path}: {reason}; {way_out}") from fault
    if not stat.S_ISREG(state.st_mode):
        kind = "a folder" if stat.S_ISDIR(state.st_mode) else "a device or a pipe"
        raise error(f"cannot read {what} from {path}: it is {kind}; {way_out}")
    check(most, state.st_size, f"{what} in {path}", error)
    return state.st_size


def read_bytes(
    path: Path,
    what: str,
    error: type[RefmaskError] = InputError,
    most: str = "file",
    way_out: str = "check the path",
) -> bytes:
    """A file's content; see ``check_file`` for arguments and errors."""
    size = check_file(path, what, error, most, way_out)
    try:
        with path.open("rb") as file:
            return file.read(size or PIECE)  # some special files have size 0
    except OSError as fault:
        raise error(
            f"cannot read {what} from {path}: {in_short(fault)}; check the path and its permissions"
        ) from fault


def read_gzip(
    path: Path, what: str, error: type[RefmaskError] = InputError, most: str = "file"
) -> bytes:
    """The content of a gzip file; the limit is on what it unpacks to.

    Raises:
        RefmaskError: of that class, as of ``read_bytes``, and when it is no whole gzip file.
    """
    check_file(path, what, error, most)
    try:
        with gzip.open(path) as file:
            content = file.read(limit(most) + 1)
    except (OSError, EOFError, zlib.error) as fault:
        raise error(f"{path} is no whole gzip file ({in_short(fault)}); fetch it again") from None
    check(most, len(content), f"{what} in {path}, unpacked,", error)
    return content


def decode_text(content: bytes, where: str, error: type[RefmaskError] = InputError) -> str:
    """Text of UTF-8, or of UTF-16 or UTF-32 with a byte order mark.

    Raises:
        RefmaskError: of that class, for other bytes.
    """
    encoding = next((MARKS[mark] for mark in MARKS if content.startswith(mark)), "utf-8")
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as fault:
        raise error(f"{where} is not UTF-8 text (byte {fault.start}); save it as UTF-8") from None


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
    """The value of a JSON text.

    Args:
        content: the JSON.
        where: its source, for messages.
        error: class to raise.
        hook: replaces each object as soon as it has been parsed.
        digits: of the largest accepted whole number.

    Raises:
        RefmaskError: of that class, when it is not JSON, nested too deeply, or has larger numbers.
    """
    text = content if isinstance(content, str) else decode_text(content, str(where), error)
    try:
        return json.loads(text, object_hook=hook, parse_int=partial(_whole, digits))
    except (ValueError, RecursionError) as fault:
        reason = "nested too deeply" if isinstance(fault, RecursionError) else in_short(fault)
        raise error(f"{where} is not valid JSON ({reason}); correct it") from None


def read_json(
    path: Path,
    what: str,
    error: type[RefmaskError] = InputError,
    most: str = "file",
    hook: Callable[[dict[str, Any]], Any] | None = None,
    digits: int = DIGITS,
) -> Any:
    """The value of a JSON file: see ``read_bytes`` and ``parse_json``."""
    return parse_json(read_bytes(path, what, error, most), path, error, hook, digits)


class Header(NamedTuple):
    """The header of an array in a file."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]


def read_headers(
    path: Path, names: Collection[str], what: str, error: type[RefmaskError] = InputError
) -> tuple[dict[str, Header], list[str]]:
    """Headers as ``read_arrays`` would check them, without reading values."""
    return _of_archive(path, names, what, error, _header)


def read_arrays(
    path: Path, names: Collection[str], what: str, error: type[RefmaskError] = InputError
) -> tuple[dict[str, Array], list[str]]:
    """Numeric arrays of an ``.npz`` file; objects, which can run code, are refused.

    Args:
        path: of the file.
        names: of the arrays to read, where they exist.
        what: its content, for messages.
        error: class to raise.

    Returns:
        The arrays by name, and the names of all arrays in the file.

    Raises:
        RefmaskError: of that class, when it is not an ``.npz`` file, damaged, or too large in
            memory.
    """
    return _of_archive(path, names, what, error, _array)


def _of_archive(
    path: Path,
    names: Collection[str],
    what: str,
    error: type[RefmaskError],
    read: Callable[[Any, zipfile.ZipInfo], T],
) -> tuple[dict[str, T], list[str]]:
    """The result of ``read`` for each selected array, and the names of all arrays."""
    check_file(path, what, error)
    try:
        with zipfile.ZipFile(path) as archive:
            entries = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            selected = {name: entries[name] for name in names if name in entries}
            size = sum(info.file_size for info in selected.values())
            check("unpacked", size, f"{what} in {path}", error)
            results = {}
            for name, info in selected.items():
                if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    raise ValueError("an array with a compression that numpy does not use")
                with archive.open(info) as file:
                    results[name] = read(file, info)
    except RefmaskError:
        raise
    except BROKEN as fault:
        raise error(
            f"cannot read {what} from {path}: not an intact .npz file ({in_short(fault)}); make it "
            "again"
        ) from None
    return results, list(entries)


def _header(file: Any, info: zipfile.ZipInfo) -> Header:
    return Header(*_checked_header(file, info)[::2])


def _checked_header(file: Any, info: zipfile.ZipInfo) -> tuple[tuple[int, ...], bool, Any]:
    """Shape, order and type of an array, checked to be numeric and not larger than its bytes."""
    version = np.lib.format.read_magic(file)  # type: ignore[no-untyped-call]
    shape, fortran, dtype = _HEADERS[version](file)
    size = math.prod(shape) * dtype.itemsize
    if dtype.kind not in "biuf" or min(shape, default=0) < 0 or size > info.file_size:
        raise ValueError("an array that is not numeric, or larger than its bytes")
    return shape, fortran, dtype


def _array(file: Any, info: zipfile.ZipInfo) -> Array:
    shape, fortran, dtype = _checked_header(file, info)
    flat = np.empty(math.prod(shape), dtype)
    buffer, at = flat.view(np.uint8).data, 0
    while at < len(buffer):  # in pieces, since a zip file's reader copies each
        count = file.readinto(buffer[at : at + PIECE])
        if not count:
            raise EOFError("a truncated array")
        at += count
    return flat.reshape(shape[::-1]).T if fortran else flat.reshape(shape)


_HEADERS: dict[tuple[int, int], Callable[[Any], tuple[Any, ...]]] = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def _whole(most: int, digits: str) -> int:
    if len(digits.removeprefix("-")) > most:
        raise ValueError(f"a whole number of {len(digits)} digits")
    return int(digits)
