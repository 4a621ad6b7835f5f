"""``--store`` and ``--store-limit``: commands share cached masks and features."""

import shutil

import numpy as np
import pytest
from PIL import Image

from refmask.cache.features import FeatureCache
from refmask.cli import main

ENCODERS = ("encode_image", "encode_masked", "encode_regions", "encode_places", "feature_map")


@pytest.fixture(scope="module")
def model(model_files):
    name, weights = model_files("tiny_vit32")
    return ["--model", name, "--weights", weights, "--precision", "fp32"]


@pytest.fixture
def images(tmp_path, noise, fixed_proposer):
    """Two images, and masks for both."""
    for name, image in (("a", noise), ("b", noise[::-1])):
        Image.fromarray(image).save(tmp_path / f"{name}.png")
    np.savez(tmp_path / "masks.npz", masks=fixed_proposer.propose(noise).masks)
    return tmp_path


@pytest.fixture
def no_encoding(monkeypatch):
    """Called, it makes any encoding of an image fail."""

    def disable():
        for name in ENCODERS:
            monkeypatch.setattr(f"refmask.clip.ClipBackbone.{name}", None)

    return disable


def segment(folder, *words):
    return main(["segment", str(folder / "?.png"), "red car", "left guy", *map(str, words)])


def test_segment_encodes_once_also_with_given_masks(images, model, no_encoding, capsys):
    words = ["--proposals", f"masks:{images}/masks.npz", "--json", "--top", "3", *model]
    assert segment(images, *words) == 0
    plain = capsys.readouterr().out
    assert segment(images, *words, "--store", images / "store") == 0
    cached = capsys.readouterr().out
    assert FeatureCache(images / "store").held()[0] == 4
    no_encoding()
    assert segment(images, *words, "--store", images / "store") == 0
    assert capsys.readouterr().out == cached == plain


def test_the_limit_is_the_features(images, model, capsys):
    words = ["--proposals", f"masks:{images}/masks.npz", "--store", images / "store", "--json"]
    words += model
    assert segment(images, *words, "--store-limit", "2kB") == 0
    assert FeatureCache(images / "store").held() == (0, 0)
    capsys.readouterr()
    assert segment(images, *words, "--store-limit", "plenty") == 2
    error = capsys.readouterr().err
    assert "'plenty' is not a size; write it like 500MB, 10GB or 2GiB" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("proposals", ["instances", "grouping:limit=4"])
def test_evaluate_encodes_once(proposals, model, tmp_path, no_encoding):
    words = ["evaluate", "scenes", "--split", "val", "--first", "2", "--proposals", proposals]
    words += ["--store", str(tmp_path / "store"), *model]
    assert main([*words, "--out", str(tmp_path / "one")]) == 0
    assert FeatureCache(tmp_path / "store").held()[0] == 4
    no_encoding()
    for name, more in (("two", []), ("cropping", ["--method", "cropping"])):
        assert main([*words, *more, "--out", str(tmp_path / name)]) == 0
    one, two = ((tmp_path / name / "samples.jsonl").read_bytes() for name in ("one", "two"))
    assert one == two


def test_experiments_encode_once_and_share(model_files, tmp_path, no_encoding):
    name, weights = model_files("tiny_vit32")
    words = ["--data", "scenes", "--first", "1", "--proposals", "grouping:limit=4"]
    words += ["--vit", name, "--vit-weights", weights, "--precision", "fp32"]
    words += ["--out", str(tmp_path / "out"), "--store", str(tmp_path / "store")]
    assert main(["reproduce", "table3", *words]) == 0
    table = (tmp_path / "out" / "table3.csv").read_bytes()
    shutil.rmtree(tmp_path / "out")
    no_encoding()
    assert main(["reproduce", "table3", "table5", *words]) == 0
    assert (tmp_path / "out" / "table3.csv").read_bytes() == table
    assert main(["reproduce", "table3", *words, "--store-limit", "1 byte"]) == 2
