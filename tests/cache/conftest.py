"""What tests of caches share."""

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
