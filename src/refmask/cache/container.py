"""Files of a store: named arrays, and what they belong to, as safetensors. Reading trusts nothing.

The metadata hold one entry, ``refmask``, JSON: the format ("masks 2"), what the arrays belong to,
and a SHA-256 over all of it. What the first version wrote is read as well.
"""

from __future__ import annotations

import hashlib
import json
import math
import warnings
import zlib
from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load, save

from refmask.errors import ConfigurationError, MaskError, RefmaskError, RefmaskWarning
from refmask.fingerprint import Fingerprint
from refmask.limits import check
from refmask.ops.files import write_whole
from refmask.ops.reading import (
    BROKEN,
    in_short,
    is_absent,
    is_folder,
    parse_json,
    read_bytes,
    read_json,
)

T = TypeVar("T")
Array = npt.NDArray[Any]
Arrays = dict[str, Array]

#: Kinds of files, which are never taken for each other.
MASKS, FEATURES, SCENE = "masks", "features", "scene"
#: The version of their format that is written; 1 is read, too.
VERSION = 2
#: The entry of the metadata, and that of the image's hash in a key; the first version named both.
METADATA, IMAGE = "refmask", "picture"
#: Kinds of arrays: bool, whole numbers and floats.
NUMBERS = "biuf"
#: Marks the folder of a store, and names its layout: files say by themselves how they are read.
MARKER, LAYOUT = "refmask-store.json", 1


class Damaged(RefmaskError):
    """A file is not what was written, and why; the store never lets it out."""


def pack(kind: str, header: Mapping[str, Any], arrays: Mapping[str, Array]) -> bytes:
    """A file's content.

    Args:
        kind: ``MASKS``, ``FEATURES`` or ``SCENE``.
        header: what the arrays belong to; what JSON can hold.
        arrays: numbers or bools of any shape, by name.

    Raises:
        MaskError: for arrays of another type, or too many of them.
    """
    for name, values in arrays.items():
        if values.dtype.kind not in NUMBERS or values.dtype.itemsize > 8:
            raise MaskError(
                f"'{name}' is an array of {values.dtype}, not of numbers; convert it to bool, "
                "whole numbers or floats of up to 8 bytes"
            )
    check("unpacked", sum(values.nbytes for values in arrays.values()), f"the {kind}", MaskError)
    tensors: Arrays = {
        name: np.asarray(values, values.dtype.newbyteorder("<"), order="C")
        for name, values in arrays.items()
    }
    header = {**header, "format": f"{kind} {VERSION}"}
    header["sha256"] = _digest(header, tensors)
    return save(tensors, {METADATA: json.dumps(header, sort_keys=True)})


def unpack(kind: str, content: bytes) -> tuple[dict[str, Any], Arrays]:
    """A file's header, with its format, and its arrays by name.

    Args:
        kind: what it must be.
        content: from anywhere.

    Raises:
        Damaged: when it is not what ``pack`` returned.
    """
    if content.startswith(_start(kind)):
        return _unpack_first(kind, content)
    arrays = load_tensors(content)
    end = 8 + int.from_bytes(content[:8], "little")
    metadata = parse_json(content[8:end], "its header", Damaged).get("__metadata__")
    header = parse_json((metadata or {}).get(METADATA, "null"), "its metadata", Damaged)
    known = [f"{kind} {version}" for version in range(1, VERSION + 1)]
    if not isinstance(header, dict) or header.get("format") not in known:
        raise Damaged(f"it is not of the format '{kind} {VERSION}'")
    try:
        fits = header.pop("sha256", None) == _digest(header, arrays)
    except RecursionError:
        raise Damaged("its metadata are nested too deeply") from None
    if not fits:
        raise Damaged("its checksum does not fit")
    return header, arrays


def load_tensors(content: bytes) -> Arrays:
    """The arrays of numbers in safetensors from anywhere; Damaged when it is none."""
    try:
        arrays = dict(sorted(load(content).items()))
    except (SafetensorError, *BROKEN) as error:
        raise Damaged(f"it is cut short or of another format ({in_short(error)})") from None
    if any(values.dtype.kind not in NUMBERS for values in arrays.values()):
        raise Damaged("it holds more than numbers")
    return arrays


def read_entry(
    file: Path, kind: str, key: Mapping[str, Any], build: Callable[[Arrays], T]
) -> T | None:
    """What is built of a store's file; None when it is not there, or not whole.

    A ``RefmaskWarning`` names a damaged file, which is otherwise as good as absent.

    Args:
        file: its path.
        kind: of the file.
        key: what its header must say.
        build: makes something of its arrays, or raises ``Damaged``.
    """
    try:
        header, arrays = unpack(kind, read_bytes(file, kind, Damaged, "unpacked"))
        foreign = [name for name, value in key.items() if header.get(name) != value]
        if not foreign:
            return build(arrays)
        reason = f"it is of another {'image' if foreign[0] == IMAGE else foreign[0]}"
    except Damaged as error:
        if isinstance(error.__cause__, FileNotFoundError | NotADirectoryError):
            return None
        reason = str(error)
    except MemoryError:
        reason = "it does not fit into memory"
    warnings.warn(
        f"the {kind} in {file} are damaged and left out: {reason}", RefmaskWarning, stacklevel=3
    )
    return None


def open_store(path: str | PathLike[str], create: bool = False) -> Path:
    """The folder of a store.

    Args:
        path: where.
        create: make it when it is not there.

    Raises:
        ConfigurationError: when it is no store of this layout, or cannot be read or made.
    """
    folder = Path(path)
    try:
        _check(folder, create)
    except OSError as error:
        raise ConfigurationError(
            f"cannot read the store {folder}: {error.strerror}; check the path and its permissions"
        ) from None
    return folder


def _check(folder: Path, create: bool) -> None:
    if not is_absent(folder) and not is_folder(folder):
        raise ConfigurationError(f"{folder} is a file, but a store is a folder; name a folder")
    # Listed before the marker, which another process may be writing right now.
    others = folder.exists() and any(not item.name.startswith(".") for item in folder.iterdir())
    marker = folder / MARKER
    if not marker.exists():
        if not create or others:
            what = "holds other things" if others else "is not there or empty"
            raise ConfigurationError(
                f"{folder} is no store: it {what}; name a store, or make one by giving a new "
                "folder as `store`"
            )
        write_whole(marker, json.dumps({"format": LAYOUT}).encode() + b"\n")
    try:
        layout = read_json(marker, "the format of a store", Damaged, "settings")["format"]
    except (Damaged, KeyError, TypeError):
        raise ConfigurationError(
            f'{marker} is damaged; write {{"format": {LAYOUT}}} into it'
        ) from None
    if layout != LAYOUT:
        raise ConfigurationError(
            f"{folder} is a store of format {layout}, and this refmask reads format {LAYOUT}; use "
            "the refmask that wrote it, or another folder"
        )


def _digest(header: Mapping[str, Any], arrays: Mapping[str, Array]) -> str:
    """SHA-256 over a header and arrays, in hexadecimal."""
    digest = hashlib.sha256(Fingerprint(header).sha256.encode())
    for name, values in sorted(arrays.items()):
        digest.update(f"{name} {values.dtype.str} {values.shape} ".encode())
        digest.update(np.ascontiguousarray(values).data)
    return digest.hexdigest()


# The first version's container: a line, the SHA-256 of the rest, the header's length (4 bytes) and
# JSON, and the arrays compressed by zlib: bools as bits, of other numbers all first bytes first.


def _start(kind: str) -> bytes:
    return f"refmask {kind} 1\n".encode()


def _unpack_first(kind: str, content: bytes) -> tuple[dict[str, Any], Arrays]:
    start = len(_start(kind))
    digest, body = content[start : start + 32], content[start + 32 :]
    if hashlib.sha256(body).digest() != digest:
        raise Damaged("its checksum does not fit")
    end = 4 + int.from_bytes(body[:4], "little")
    header = parse_json(body[4:end], "its header", Damaged)
    try:
        listed = [
            (str(name), np.dtype(dtype), *_extent(np.dtype(dtype), shape))
            for name, dtype, shape in header.pop("arrays")
        ]
        total = sum(size for *_, size in listed)
        check("unpacked", total, "what it holds", Damaged)
        plain = zlib.decompressobj().decompress(body[end:], total + 1)
        if len(plain) != total:
            raise ValueError("its arrays are of another length than it says")
        arrays, at = {}, 0
        for name, dtype, shape, size in listed:
            stored = np.frombuffer(plain, np.uint8, size, at)
            at += size
            if dtype == np.bool_:
                values = np.unpackbits(stored, count=math.prod(shape)).view(np.bool_)
            else:
                ranks = stored.reshape(dtype.itemsize, -1 if size else 0)
                values = np.array(ranks.T, order="C").reshape(-1).view(dtype)
            arrays[name] = values.reshape(shape)
    except BROKEN as error:
        raise Damaged(f"its arrays cannot be read: {in_short(error)}") from None
    return header, arrays


def _extent(dtype: np.dtype[Any], shape: list[int]) -> tuple[tuple[int, ...], int]:
    """An array's shape, and the bytes that it takes before compression."""
    if dtype.kind not in NUMBERS or not all(type(side) is int and side >= 0 for side in shape):
        raise ValueError("no array of numbers")
    count = math.prod(shape)
    return tuple(shape), -(-count // 8) if dtype == np.bool_ else count * dtype.itemsize
