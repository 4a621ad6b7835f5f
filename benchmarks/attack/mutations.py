"""Random changes of valid content: of its bytes, and of what is packed inside."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import random
import re
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable, Sequence
from typing import Any

from attack.scenes import scene_changed
from attack.values import NASTY, deep, nasty_key

Mutator = Callable[[random.Random, bytes], bytes]

#: Numbers at which sizes and offsets go wrong, as 1, 2, 4 or 8 bytes.
EDGES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**63, 2**64)
#: Bytes beyond which a case tells nothing new.
LONGEST = 400_000


def mutated(rng: random.Random, name: str, content: bytes, others: Sequence[bytes]) -> bytes:
    """Changed content of a file.

    Args:
        rng: decides all.
        name: of the file; its ending says what can be changed inside.
        content: valid.
        others: valid files of the same kind, of which parts may be taken.
    """
    inner = next((INNER[end] for end in INNER if name.endswith(end)), None)
    try:
        if inner is not None and rng.random() < 0.6:
            content = inner(rng, content)
    except (ValueError, KeyError, struct.error, zipfile.BadZipFile, zlib.error):
        pass
    else:
        if inner is not None and rng.random() < 0.5:
            return content[:LONGEST]
    if rng.random() < 0.1:
        content = _spliced(rng, content, rng.choice(others))
    return bytes_changed(rng, content)[:LONGEST]


def bytes_changed(rng: random.Random, content: bytes) -> bytes:
    """One to six changes of bytes."""
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        content = rng.choice(CHANGES)(rng, content)
    return content


def _flip(rng: random.Random, content: bytes) -> bytes:
    return (
        _put(
            content, _at(rng, content), bytes([content[_at(rng, content)] ^ 1 << rng.randrange(8)])
        )
        if content
        else b"\0"
    )


def _random_byte(rng: random.Random, content: bytes) -> bytes:
    return _put(content, _at(rng, content), rng.randbytes(1))


def _edge(rng: random.Random, content: bytes) -> bytes:
    size = rng.choice((1, 2, 4, 8))
    number = rng.choice(EDGES) & (1 << 8 * size) - 1
    return _put(content, _at(rng, content), number.to_bytes(size, rng.choice(("little", "big"))))


def _cut(rng: random.Random, content: bytes) -> bytes:
    return content[: rng.randint(0, len(content))]


def _remove(rng: random.Random, content: bytes) -> bytes:
    at = _at(rng, content)
    return content[:at] + content[at + rng.randint(1, 16) :]


def _insert(rng: random.Random, content: bytes) -> bytes:
    at = _at(rng, content)
    return content[:at] + rng.randbytes(rng.randint(1, 16)) + content[at:]


def _repeat(rng: random.Random, content: bytes) -> bytes:
    at = _at(rng, content)
    part = content[at : at + rng.randint(1, 64)]
    return content[:at] + part * rng.choice((2, 3, 100)) + content[at:]


def _blank(rng: random.Random, content: bytes) -> bytes:
    at, length = _at(rng, content), rng.randint(1, 64)
    return content[:at] + bytes([rng.choice((0, 255))]) * length + content[at + length :]


def _number(rng: random.Random, content: bytes) -> bytes:
    """Another number in place of one that is spelt out."""
    found = list(re.finditer(rb"\d+", content[:LONGEST]))
    if not found:
        return _edge(rng, content)
    one = rng.choice(found)
    other = rng.choice(
        (b"-1", b"0", b"1e999", b"9" * 30, b"9" * 400, b"1.5", b"4294967296", b"NaN")
    )
    return content[: one.start()] + other + content[one.end() :]


def _word(rng: random.Random, content: bytes) -> bytes:
    """A word with something odd in its place."""
    found = list(re.finditer(rb"[A-Za-z_]{2,}", content[:LONGEST]))
    if not found:
        return _insert(rng, content)
    one = rng.choice(found)
    odd = rng.choice(
        (
            b"",
            b"\xe9",
            b"\xff\xfe",
            b"\x00",
            b"\\ud800",
            b"${7*7}",
            b"../../etc/passwd",
            b"A" * 300,
            "\u202e\u200b".encode(),
            b"\r\n",
            b'"',
            b"True",
        )
    )
    return content[: one.start()] + odd + content[one.end() :]


def _spliced(rng: random.Random, content: bytes, other: bytes) -> bytes:
    return content[: _at(rng, content)] + other[_at(rng, other) :]


def _at(rng: random.Random, content: bytes) -> int:
    """A place, every second time near the beginning, where headers are."""
    end = max(1, len(content))
    return rng.randrange(min(end, 128)) if rng.random() < 0.5 else rng.randrange(end)


def _put(content: bytes, at: int, part: bytes) -> bytes:
    return content[:at] + part + content[at + len(part) :]


CHANGES: tuple[Mutator, ...] = (
    *(_flip, _random_byte, _edge, _edge, _cut, _remove),
    *(_insert, _repeat, _blank, _number, _word),
)


def json_changed(rng: random.Random, content: bytes) -> bytes:
    """One to three values or keys of JSON exchanged; of several lines, in one of them."""
    lines = content.split(b"\n") if content.count(b"\n") > 1 and content[:1] != b"[" else [content]
    at = rng.randrange(len(lines))
    if not lines[at].strip():
        at = 0
    try:
        value = json.loads(lines[at])
    except ValueError:
        lines, at, value = [content], 0, json.loads(content)
    for _ in range(rng.choice((1, 1, 2, 3))):
        value = value_changed(rng, value)
    text = json.dumps(value, ensure_ascii=rng.random() < 0.5)
    lines[at] = text.replace(deep(0), deep(rng.choice((50, 3000, 200_000)))).encode(
        "utf-8", "surrogatepass"
    )
    return b"\n".join(lines)


def value_changed(rng: random.Random, value: Any) -> Any:
    """A value of which one part, at any depth, is another."""
    if isinstance(value, list) and value and rng.random() < 0.85:
        at = rng.randrange(len(value))
        how = rng.random()
        if how < 0.06:
            return value[:at] + value[at + 1 :]
        if how < 0.12:
            return value + [value[at]] * rng.choice((1, 50))
        return [*value[:at], value_changed(rng, value[at]), *value[at + 1 :]]
    if isinstance(value, dict) and value and rng.random() < 0.9:
        name = rng.choice(list(value))
        how = rng.random()
        if how < 0.06:
            return {key: one for key, one in value.items() if key != name}
        if how < 0.1:
            return {nasty_key(rng) if key == name else key: one for key, one in value.items()}
        return value | {name: value_changed(rng, value[name])}
    if type(value) in (int, float) and rng.random() < 0.3:
        return rng.choice(
            (
                -value,
                value + 1,
                value * 10**6,
                value + 0.5 if abs(value) < 1e15 else 0.5,
                -1,
                0,
                2**31,
                2**63,
                10**17,
            )
        )
    return rng.choice(NASTY)


def zip_changed(rng: random.Random, content: bytes) -> bytes:
    """An archive of which one entry, its name or its compression is another."""
    with zipfile.ZipFile(io.BytesIO(content)) as old:
        entries = [(info.filename, old.read(info)) for info in old.infolist()]
    at = rng.randrange(len(entries))
    name, inside = entries[at]
    how = rng.random()
    if how < 0.75:
        inside = bytes_changed(rng, inside)
    elif how < 0.82:
        name = rng.choice((name + "x", name.upper(), "../" + name, "\u00e9", entries[0][0]))
    elif how < 0.9:
        inside += bytes(rng.choice((1000, 5_000_000)))
    else:
        inside = rng.choice(entries)[1]
    entries[at] = name, inside
    kind = rng.choice(
        (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2)
    )
    made = io.BytesIO()
    packed = zipfile.ZipFile(made, "w", kind if rng.random() < 0.3 else zipfile.ZIP_STORED)
    with warnings.catch_warnings(), packed as new:
        warnings.simplefilter("ignore", UserWarning)  # of a name that is there twice
        for number, (name, inside) in enumerate(entries):
            if rng.random() < 0.97:
                new.writestr(zipfile.ZipInfo(name or str(number)), inside, new.compression)
    return made.getvalue()


def safetensors_changed(rng: random.Random, content: bytes) -> bytes:
    """Another header, its length right."""
    length = int.from_bytes(content[:8], "little")
    header = json_changed(rng, content[8 : 8 + length])
    return struct.pack("<Q", len(header)) + header + content[8 + length :]


def png_changed(rng: random.Random, content: bytes) -> bytes:
    """A chunk of another content, its checksum right."""
    chunks, at = [], 8
    while at + 12 <= len(content):
        (length,) = struct.unpack(">I", content[at : at + 4])
        chunks.append([content[at + 4 : at + 8], content[at + 8 : at + 8 + length]])
        at += 12 + length
    one = rng.choice(chunks)
    if one[0] == b"IDAT" and rng.random() < 0.7:
        one[1] = zlib.compress(bytes_changed(rng, zlib.decompress(one[1])))
    else:
        one[1] = bytes_changed(rng, one[1])
    parts = [
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    ]
    return content[:8] + b"".join(parts)


def entry_changed(rng: random.Random, content: bytes) -> bytes:
    """An entry of a store with another header or other arrays, its checksum right."""
    start = content.index(b"\n") + 1
    body = content[start + 32 :]
    end = 4 + int.from_bytes(body[:4], "little")
    header, arrays = body[4:end], body[end:]
    if rng.random() < 0.5:
        header = json_changed(rng, header)
    else:
        arrays = zlib.compress(bytes_changed(rng, zlib.decompress(arrays)))
    body = len(header).to_bytes(4, "little") + header + arrays
    return content[:start] + hashlib.sha256(body).digest() + body


def gzip_changed(rng: random.Random, content: bytes) -> bytes:
    """Other content, packed as it should be."""
    return gzip.compress(bytes_changed(rng, gzip.decompress(content)), 1)


INNER: dict[str, Mutator] = {
    ".scene.safetensors": scene_changed,
    ".jsonl": json_changed,
    ".json": json_changed,
    ".npz": zip_changed,
    ".pt": zip_changed,
    ".safetensors": safetensors_changed,
    ".png": png_changed,
    ".masks": entry_changed,
    ".features": entry_changed,
    ".gz": gzip_changed,
}
