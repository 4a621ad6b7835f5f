"""One entry of a store as bytes: arrays by name, and whose they are. Reading believes nothing.

An entry is, one after the other: a line that tells its kind and the format; the SHA-256 of the rest
(32 bytes); the length of the header (4 bytes, little-endian); the header, JSON; and the arrays,
compressed by zlib. The header tells whose arrays they are and lists them as [name, dtype, shape].
Bits of bool arrays are packed, bytes of others stand by rank, all lowest bytes first: so they
compress best.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from refmask.errors import MaskError, RefmaskError
from refmask.limits import check, limit
from refmask.ops.reading import parse_json

Array = npt.NDArray[Any]

#: Kinds of entries, which are never taken for each other.
MASKS, FEATURES = "masks", "features"
#: Types of arrays that are kept, as numpy writes them: bool, whole and floating numbers.
TYPES = re.compile(r"\|[biu]1|[<>](i[248]|u[248]|f[248])")
_DIGEST = hashlib.sha256().digest_size


class Damaged(RefmaskError):
    """An entry that is not what was written, and why; the store never lets it out."""


def signature(kind: str) -> bytes:
    """How entries of a kind begin; the number grows when older programs cannot read them."""
    return f"refmask {kind} 1\n".encode()


def pack(kind: str, owner: Mapping[str, Any], arrays: Mapping[str, Array]) -> bytes:
    """An entry.

    Args:
        kind: ``MASKS`` or ``FEATURES``.
        owner: whose arrays they are; what JSON can hold.
        arrays: numbers or bools of any shape, by name.

    Raises:
        MaskError: for arrays of another type, or too many of them.
    """
    for name, values in arrays.items():
        if not TYPES.fullmatch(values.dtype.str):
            raise MaskError(
                f"expected numbers to keep as '{name}', got {values.dtype}; convert them to bool, "
                "whole numbers or floats of up to 8 bytes"
            )
    listed = [[name, values.dtype.str, list(values.shape)] for name, values in arrays.items()]
    size = sum(values.nbytes for values in arrays.values())
    check("unpacked", size, "an entry of the store", MaskError)
    header = json.dumps({**owner, "arrays": listed}, sort_keys=True).encode()
    squeezed = zlib.compress(b"".join(_flat(values) for values in arrays.values()))
    body = len(header).to_bytes(4, "little") + header + squeezed
    return signature(kind) + hashlib.sha256(body).digest() + body


def unpack(kind: str, content: bytes, owner: Mapping[str, Any]) -> dict[str, Array]:
    """The arrays of an entry.

    Args:
        kind: what it must be.
        content: from anywhere.
        owner: what ``pack`` was told.

    Raises:
        Damaged: when they are not what was packed for this owner.
    """
    start = signature(kind)
    if not content.startswith(start) or len(content) < len(start) + _DIGEST + 4:
        raise Damaged("it is cut short or of another format")
    digest, body = content[len(start) :][:_DIGEST], content[len(start) + _DIGEST :]
    if hashlib.sha256(body).digest() != digest:
        raise Damaged("its checksum does not fit")
    end = 4 + int.from_bytes(body[:4], "little")
    try:
        header = parse_json(body[4:end], "its header", Damaged)
        arrays = [(str(name), _type(text), _shape(shape)) for name, text, shape in header["arrays"]]
        told = {name: header[name] for name in owner}
    except (ValueError, KeyError, TypeError):
        raise Damaged("its header cannot be read") from None
    foreign = [name for name, value in owner.items() if told[name] != value]
    if foreign:
        raise Damaged(f"it is of another {foreign[0]}")
    # A side of 0 must not hide the others, which numpy would stumble over.
    sides = [(dtype.itemsize, *(max(1, side) for side in shape)) for _, dtype, shape in arrays]
    if sum(map(math.prod, sides)) > limit("unpacked"):
        raise Damaged("it claims to be too large")
    sizes = [_bytes(dtype, shape) for _, dtype, shape in arrays]
    plain = _inflate(body[end:], sum(sizes))
    found = {}
    at = 0
    for (name, dtype, shape), size in zip(arrays, sizes, strict=True):
        found[name] = _shaped(plain[at : at + size], dtype, shape)
        at += size
    return found


def _type(text: Any) -> np.dtype[Any]:
    if not TYPES.fullmatch(text):
        raise ValueError
    dtype: np.dtype[Any] = np.dtype(text)
    return dtype


def _shape(sides: Any) -> tuple[int, ...]:
    if len(sides) > 8 or not all(type(side) is int and 0 <= side <= 2**40 for side in sides):
        raise ValueError
    return tuple(sides)


def _bytes(dtype: np.dtype[Any], shape: tuple[int, ...]) -> int:
    """What an array takes in an entry before compression."""
    count = math.prod(shape)
    return -(-count // 8) if dtype == np.bool_ else count * dtype.itemsize


def _inflate(squeezed: bytes, size: int) -> bytes:
    """Exactly ``size`` bytes, and never more than one byte beyond that in memory."""
    try:
        plain = zlib.decompressobj().decompress(squeezed, size + 1)
    except zlib.error:
        raise Damaged("it cannot be decompressed") from None
    if len(plain) != size:
        raise Damaged("its arrays are of another length than it says")
    return plain


def _flat(values: Array) -> bytes:
    if values.dtype == np.bool_:
        return np.packbits(values).tobytes()
    ranks = np.ascontiguousarray(values).reshape(-1).view(np.uint8)
    return ranks.reshape(-1, values.dtype.itemsize).T.tobytes()


def _shaped(flat: bytes, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Array:
    stored = np.frombuffer(flat, np.uint8)
    if dtype == np.bool_:
        bits = np.unpackbits(stored, count=math.prod(shape))
        return bits.view(np.bool_).reshape(shape)
    ranks = stored.reshape(dtype.itemsize, math.prod(shape))
    return np.array(ranks.T, order="C").reshape(-1).view(dtype).reshape(shape)
