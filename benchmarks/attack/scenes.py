"""Saved scenes that were changed by somebody who can compute their checksum."""

from __future__ import annotations

import hashlib
import json
import random

import numpy as np
from safetensors.numpy import load, save

from attack.values import nasty_key
from refmask.store.hashing import settings_hash

TOLD = "refmask"


def scene_changed(rng: random.Random, content: bytes) -> bytes:
    """A scene that tells or holds something else, its checksum right."""
    from attack.mutations import entry_changed, value_changed

    length = int.from_bytes(content[:8], "little")
    told = json.loads(json.loads(content[8 : 8 + length])["__metadata__"][TOLD])
    arrays = load(content)
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
            digest = hashlib.sha256(settings_hash(told).encode())
        except (ValueError, TypeError, UnicodeError) as error:
            raise ValueError("not to be signed") from error
        for name, values in sorted(arrays.items()):
            digest.update(f"{name} {values.dtype.str} {values.shape} ".encode())
            digest.update(values.tobytes())
        told["sha256"] = digest.hexdigest()
    return save(arrays, {TOLD: json.dumps(told, sort_keys=True)})
