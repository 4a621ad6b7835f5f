"""Saved scenes that were changed by somebody who can compute their checksum."""

from __future__ import annotations

import hashlib
import json
import random

import numpy as np
from safetensors.numpy import load

from attack.values import nasty_key
from refmask.fingerprint import Fingerprint

TOLD = "refmask"
DTYPES = {"|u1": "U8", "<f4": "F32", "<i8": "I64"}


def scene_changed(rng: random.Random, content: bytes) -> bytes:
    """A scene that tells or holds something else, its checksum right."""
    from attack.mutations import entry_changed, value_changed

    length = int.from_bytes(content[:8], "little")
    told = json.loads(json.loads(content[8 : 8 + length])["__metadata__"][TOLD])
    arrays = dict(sorted(load(content).items()))
    how = rng.random()
    if how < 0.5:
        told = value_changed(rng, told)
    elif how < 0.75:
        entry = entry_changed(rng, arrays["proposals"].tobytes())
        arrays["proposals"] = np.frombuffer(entry, np.uint8)
    else:
        name = rng.choice(list(arrays))
        values = arrays.pop(name)
        shapes = (values.T, values[:0], values.ravel(), values.astype("int64"), values[..., :1] * 0)
        arrays[rng.choice((name, name, nasty_key(rng)))] = rng.choice(shapes).copy()
    if isinstance(told, dict):
        told.pop("sha256", None)
        try:
            digest = hashlib.sha256(Fingerprint(told).sha256.encode())
        except (ValueError, TypeError, UnicodeError) as error:
            raise ValueError("not to be signed") from error
        for name, values in sorted(arrays.items()):
            digest.update(f"{name} {values.dtype.str} {values.shape} ".encode())
            digest.update(values.tobytes())
        told["sha256"] = digest.hexdigest()
    return packed(arrays, json.dumps(told, sort_keys=True))


def packed(arrays: dict[str, np.ndarray], told: str) -> bytes:
    """A file of safetensors, each time the same: the library orders its header at random."""
    header: dict[str, object] = {"__metadata__": {TOLD: told}}
    at = 0
    for name, values in sorted(arrays.items()):
        offsets = [at, at + values.nbytes]
        header[name] = {
            "dtype": DTYPES[values.dtype.str],
            "shape": values.shape,
            "data_offsets": offsets,
        }
        at += values.nbytes
    text = json.dumps(header).encode()
    parts = [values.tobytes() for _, values in sorted(arrays.items())]
    return len(text).to_bytes(8, "little") + text + b"".join(parts)


def repacked(content: bytes) -> bytes:
    """The same scene, as ``packed`` orders it."""
    length = int.from_bytes(content[:8], "little")
    return packed(load(content), json.loads(content[8 : 8 + length])["__metadata__"][TOLD])
