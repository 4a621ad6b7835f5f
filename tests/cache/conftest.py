"""What tests of caches share."""

import hashlib
import json
import zlib

import numpy as np
import pytest


@pytest.fixture
def blind(monkeypatch):
    """No model can encode an image any more."""

    def shut():
        for name in ("encode_image", "encode_masked", "encode_regions", "encode_places"):
            monkeypatch.setattr("refmask.clip.ClipBackbone." + name, None)
        monkeypatch.setattr("refmask.clip.ClipBackbone.feature_map", None)
        monkeypatch.setattr("refmask.classifier.Classifier.encode_places", None)

    return shut


@pytest.fixture
def first_version():
    """Writes a file of a store as the first version did."""

    def pack(kind, header, arrays):
        listed = [[name, values.dtype.str, list(values.shape)] for name, values in arrays.items()]
        told = json.dumps({**header, "arrays": listed}).encode()
        body = len(told).to_bytes(4, "little") + told
        body += zlib.compress(b"".join(map(flat, arrays.values())))
        return f"refmask {kind} 1\n".encode() + hashlib.sha256(body).digest() + body

    def flat(values):
        if values.dtype == np.bool_:
            return np.packbits(values).tobytes()
        return np.ascontiguousarray(values).view(np.uint8).reshape(-1, values.itemsize).T.tobytes()

    return pack
