"""Annotation files: their bytes, their JSON, and what tells one set of them from another."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from refmask.errors import InputError

Hook = Callable[[dict[str, Any]], Any]


def read(path: Path) -> bytes:
    """The bytes of an annotation file.

    Raises:
        InputError: when it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(
            f"expected annotations at {path}, got {error.strerror}; "
            "'refmask data check NAME --root DIR' tells where they come from"
        ) from None


def parse(content: bytes, path: Path, hook: Hook | None = None) -> Any:
    """The JSON in a file's bytes.

    Args:
        content: the bytes.
        path: the file, for messages.
        hook: what is kept of each object, called as soon as it has been read.

    Raises:
        InputError: when they are no JSON.
    """
    try:
        return json.loads(content, object_hook=hook)
    except (ValueError, RecursionError) as error:
        raise InputError(f"expected JSON in {path}, got {error}; fetch it again") from None


def fingerprint(rules: tuple[str, ...], *contents: bytes) -> str:
    """SHA-256 over the rules by which files are read and the files' bytes."""
    digest = hashlib.sha256("\0".join(rules).encode())
    for content in contents:
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()
