"""The paper's data in small: shipped scenes under the names and splits of its data sets."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path

import pytest

from refmask.data.scenes import FOLDER, IMAGES, SHIPPED

#: Folder -> file of refs -> splits.
LAYOUT = {
    "refcoco": {"refs(unc).p": ("val", "testA", "testB")},
    "refcoco+": {"refs(unc).p": ("val", "testA", "testB")},
    "refcocog": {"refs(umd).p": ("val", "test"), "refs(google).p": ("val",)},
}


@pytest.fixture(scope="session")
def data_root(tmp_path_factory) -> Path:
    """RefCOCO, RefCOCO+ and RefCOCOg with one image per split."""
    root = tmp_path_factory.mktemp("data")
    shutil.copytree(SHIPPED / IMAGES, root / IMAGES)
    tables = json.loads((SHIPPED / FOLDER / "instances.json").read_text())
    refs = json.loads((SHIPPED / FOLDER / "refs.json").read_text())
    images = list(dict.fromkeys(ref["image_id"] for ref in refs))
    for folder, files in LAYOUT.items():
        (root / folder).mkdir()
        (root / folder / "instances.json").write_text(json.dumps(tables))
        for file, splits in files.items():
            chosen = dict(zip(images, splits, strict=False))
            said = [
                ref | {"split": chosen[ref["image_id"]]}
                for ref in refs
                if ref["image_id"] in chosen
            ]
            (root / folder / file).write_bytes(pickle.dumps(said, protocol=2))
    return root
