"""Run-length encodings: as COCO's tools write them, and never trusted."""

import json
import re
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco

from refmask import MaskError
from refmask.ops import rle


@pytest.mark.parametrize("density", [0.0, 0.02, 0.5, 1.0])
def test_round_trip(density):
    mask = np.random.default_rng(1).random((37, 53)) < density
    made = rle.encode(mask)
    assert np.array_equal(rle.decode(made), mask)
    assert coco.area({**made, "counts": made["counts"].encode()}) == mask.sum()
    assert json.loads(json.dumps(made)) == made


def test_uncompressed_runs():
    mask = rle.decode({"size": [2, 3], "counts": [1, 2, 3]})
    assert mask.tolist() == [[False, True, False], [True, False, False]]


@pytest.mark.parametrize("counts", ["", "11", "zz", "é", [7], [3, -1, 4], [1.5, 4.5], None])
def test_damaged_runs(counts):
    with pytest.raises(MaskError, match=r"mask 7 has damaged runs.*3x2 pixels"):
        rle.decode({"size": [2, 3], "counts": counts}, "mask 7")


def test_polygons():
    square, other = [1, 1, 5, 1, 5, 4, 1, 4], [6, 0, 8, 0, 8, 2, 6, 2]
    mask = rle.from_polygons([square, other], 6, 9)
    assert mask[1:4, 1:5].all()
    assert mask[0:2, 6:8].all()
    assert mask.sum() == 12 + 4
    assert not rle.from_polygons([], 6, 9).any()


def test_only_one_file_talks_to_pycocotools():
    source = Path(rle.__file__).parents[1]
    imports = re.compile(r"^\s*(from|import) pycocotools", re.MULTILINE)
    users = {file.name for file in source.rglob("*.py") if imports.search(file.read_text())}
    assert users == {"rle.py"}


@pytest.mark.parametrize("counts", ["o" * 2_000_000, "0" * 2_000_000, "oooooooo0", [10**400]])
def test_runs_without_end_are_refused_at_once(counts):
    with pytest.raises(MaskError, match=r"damaged runs.*3x2 pixels"):
        rle.decode({"size": [2, 3], "counts": counts}, "mask 7")


@pytest.mark.parametrize(
    "size", [None, [], [2], [2.0, 3.0], ["2", 3], [-2, -3], [True, 6], 6, [10**9, 10**9]]
)
def test_sizes_that_are_none_are_refused(size):
    with pytest.raises(MaskError, match=r"mask 7 (has the size|would take)"):
        rle.decode({"size": size, "counts": [6]}, "mask 7")


def test_runs_as_short_as_they_come_are_read():
    board = np.indices((31, 17)).sum(axis=0) % 2 > 0
    assert np.array_equal(rle.decode(rle.encode(board)), board)
    assert rle.decode({"size": [2, 3], "counts": [0, 1, 0, 1, 0, 4]}).all()


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(min_codepoint=40, max_codepoint=120), max_size=12), st.data())
def test_any_runs_are_a_mask_or_our_error(counts, data):
    size = data.draw(st.lists(st.integers(-2, 50) | st.floats() | st.none(), max_size=3))
    with suppress(MaskError):
        assert rle.decode({"size": size, "counts": counts}).shape == tuple(size)
