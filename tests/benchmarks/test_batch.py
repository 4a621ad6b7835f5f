"""What a batch's costs are told from."""

import shutil
from pathlib import Path

import pytest
import tables_work

import batch
from refmask.data.scenes import SHIPPED


def test_a_batch_is_weighed(model_files, tmp_path):
    images = tmp_path / "images"
    images.mkdir()
    for path in sorted(Path(SHIPPED).rglob("*.png"))[:3]:
        shutil.copy(path, images)
    told = batch.measure(
        "local", *model_files("tiny_vit32"), str(images), str(tmp_path / "out"), 2, 1
    )
    assert told["images"] == 3
    assert told["rate"] > 0
    assert told["core_seconds"] == pytest.approx(1 / told["rate"])
    assert 1e8 < told["peak"] < 1e11
    sizes = [path.stat().st_size for path in images.iterdir()]
    assert told["bytes_in"] == sum(sizes) / 3
    assert 100 < told["bytes_out"] < 20_000


def test_a_row_tells_what_a_billion_images_take():
    row = {"model": "tiny", "engine": "ray", "images": 8, "expressions": 2, "workers": 4}
    row |= {
        "start": 3.0,
        "rate": 2.0,
        "core_seconds": 1.8,
        "bytes_in": 100e3,
        "bytes_out": 500.0,
        "peak": 1e9,
    }
    shown = tables_work.billion({"rows": [row, row | {"engine": "local"}]}).splitlines()
    assert shown[2:] == ["| tiny | 500,000 | 21 days | 100,000: 100 TB | 500: 1.0 TB | 0 |"]
    assert "| tiny | ray | 4 | 2.00 | 1.80 | 3 s |" in tables_work.batch({"rows": [row]})
