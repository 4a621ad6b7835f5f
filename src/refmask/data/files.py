"""Annotation files: their bytes, and what tells one set of them from another."""

from __future__ import annotations

import hashlib
from pathlib import Path

from refmask.ops.reading import read_bytes

WAY_OUT = "'refmask data check NAME' tells where they come from"


def read(path: Path) -> bytes:
    """The bytes of an annotation file.

    Raises:
        InputError: when it cannot be read.
    """
    return read_bytes(path, "annotations", way_out=WAY_OUT)


def fingerprint(rules: tuple[str, ...], *contents: bytes) -> str:
    """SHA-256 over the rules by which files are read and the files' bytes."""
    digest = hashlib.sha256("\0".join(rules).encode())
    for content in contents:
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()
