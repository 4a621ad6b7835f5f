"""``refmask data``, from the outside."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from refmask.cli import main
from refmask.data import load_dataset
from refmask.data.scenes import SHIPPED


def data(*words: object) -> int:
    return main(["data", *map(str, words)])


def test_check_of_what_is_whole(capsys):
    assert data("check", "scenes") == 0
    printed = capsys.readouterr()
    assert "scenes/instances.json" in printed.out
    assert "split scenes test: 24 images, 178 expressions" in printed.out
    assert printed.err == ""


def test_check_says_what_is_missing_and_where_it_comes_from(tmp_path, capsys):
    assert data("check", "refcocog", "--root", tmp_path) == 1
    printed = capsys.readouterr().out
    assert "MISSING   refcocog/refs(umd).p" in printed
    assert "refcocog.zip" in printed
    assert "http://images.cocodataset.org/zips/train2014.zip" in printed


def test_check_counts_missing_images(tmp_path, capsys):
    shutil.copytree(SHIPPED, tmp_path / "set")
    gone = sorted((tmp_path / "set").rglob("scene_00000[12].png"))
    for path in gone:
        path.unlink()
    assert data("check", tmp_path / "set") == 1
    printed = capsys.readouterr().out
    assert "2 images are missing, first: scene_000001.png, scene_000002.png" in printed
    (tmp_path / "set" / "scenes" / "instances.json").write_text("{")
    assert data("check", "scenes", "--root", tmp_path / "set") == 1
    told = capsys.readouterr().out
    assert "split scenes val: " in told
    assert "instances.json is not valid JSON" in told


def test_check_of_nothing(capsys):
    assert data("check", "refcoco") == 2
    assert "--root DIR" in capsys.readouterr().err


def test_show_draws_the_images_that_the_seed_chooses(tmp_path, capsys):
    for out, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert data("show", "scenes", "--count", 3, "--seed", seed, "--out", tmp_path / out) == 0
    drawn = {out: sorted(path.name for path in (tmp_path / out).iterdir()) for out in "abc"}
    assert drawn["a"] == drawn["b"] != drawn["c"]
    assert len(drawn["a"]) == 3
    name = drawn["a"][0]
    assert name in capsys.readouterr().out
    sample = load_dataset("scenes", "val").sample(name.removesuffix(".png").split("-")[-1])
    assert sample.queries
    image = np.array(Image.open(tmp_path / "a" / name))
    assert image.shape[1] == 640
    assert image.shape[0] > 640 + 20 * len(sample.queries)


def test_show_takes_no_more_than_there_are(tmp_path):
    assert data("show", "scenes", "--split", "test", "--count", 99, "--out", tmp_path) == 0
    assert len(list(tmp_path.iterdir())) == 24


def test_fewshot_writes_what_to_train_on(tmp_path, capsys):
    words = ("fewshot", "scenes", "--split", "val", "--per-class", 2, "--seed", 4, "--out")
    assert data(*words, tmp_path / "few.json") == 0
    assert (
        "48 instances of 27 classes (some classes have fewer than 2: 6 missing)"
        in capsys.readouterr().out
    )
    subset = json.loads((tmp_path / "few.json").read_text())
    assert len(subset["refs"]) == 48
    assert (subset["data_set"], subset["split_by"], subset["split"]) == ("scenes", "scenes", "val")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("show", "scenes", "--count", 0), "--count of 1 or more"),
        (("show", "scenes", "--seed", -1), "--seed of 0 or more"),
        (("show", "scenes", "--split", "testA"), "'testA'; choose one of test, val, all"),
        (("show", "scenes", "--subset", "seen"), "only phrasecut has subsets"),
        (("show", "refcocos"), "refcoco+, refcocog"),
        (("fewshot", "scenes", "--per-class", 1), "no split 'train'"),
        (("fewshot", "scenes", "--split", "val", "--per-class", 0), "1 or more instances"),
    ],
)
def test_mistakes_are_told_in_one_line(words, message, tmp_path, capsys):
    assert data(*words, "--out", tmp_path / "out") == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert printed.count("\n") == 1
    assert not (tmp_path / "out").exists()
