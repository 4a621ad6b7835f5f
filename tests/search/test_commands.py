"""The commands ``refmask index`` and ``refmask search``."""

import json

import numpy as np
import pytest
from PIL import Image

from refmask import Segmentation, read_image
from refmask.cli import main
from refmask.ops import rle
from refmask.visualize.overlay import UNSURE


@pytest.fixture
def words(model_files, tmp_path):
    model, weights = model_files("tiny_vit32")
    system = ["--model", model, "--weights", weights, "--precision", "fp32"]
    return ["--index", str(tmp_path / "index"), *system]


@pytest.fixture
def added(photos, words, capsys):
    assert main(["index", "add", str(photos), "--proposals", "grouping:limit=4", *words]) == 0
    assert capsys.readouterr().out.endswith("index: 6 added\n")
    return words


def printed_json(capsys):
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_search_and_its_record(added, photos, capsys):
    assert main(["search", "the red car", "--json", "--top", "3", *added]) == 0
    hits = printed_json(capsys)
    assert len(hits) == 3
    assert [hit["score"] for hit in hits] == sorted((h["score"] for h in hits), reverse=True)
    for hit in hits:
        assert hit["image"].startswith(str(photos))
        (region,) = hit["regions"]
        assert rle.decode(region["segmentation"]).sum() == region["area"]
    assert main(["search", "the red car", "--top", "2", "--rerank", "4", *added]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert all("confidence" in line for line in lines)


def test_a_phrase_of_unknown_words_is_reported(photos, tmp_path, capsys):
    system = ["--index", str(tmp_path / "index"), "--model", "offline"]
    made = ["index", "add", str(photos / "p0.png"), "--proposals", "grouping:limit=2", *system]
    assert main(made) == 0
    capsys.readouterr()
    assert main(["search", "the flurb", *system]) == 1
    assert capsys.readouterr().err.splitlines()[-1] == (
        "refmask: nothing found: 'flurb' is unknown"
    )


def test_a_sheet_shows_masks(added, photos, tmp_path, capsys):
    sheet = tmp_path / "sheet.png"
    assert main(["search", "the red car", "--sheet", str(sheet), *added]) == 0
    drawn = read_image(sheet)
    assert drawn.shape[1] > 4 * 320
    assert (np.abs(drawn.astype(int) - (255, 45, 120)).sum(axis=2) == 0).sum() > 500
    (photos / "p0.png").unlink()
    Image.new("RGB", (9, 9), "red").save(photos / "p1.png")
    capsys.readouterr()
    assert main(["search", "the red car", "--sheet", str(sheet), *added]) == 0
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 2
    assert all(line.startswith("refmask: error: ") for line in errors)
    assert read_image(sheet).size < drawn.size


def test_unsure_hits_are_labelled_and_framed(added, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(Segmentation, "UNSURE_BELOW", 1.1)
    sheet = tmp_path / "sheet.png"
    words = ["search", "the red car", "--rerank", "6", "--sheet", str(sheet), *added]
    assert main([*words, "--json"]) == 0
    hits = printed_json(capsys)
    assert all(
        hit["provenance"]["model"] == "tiny_vit32.json tiny_vit32.safetensors" for hit in hits
    )
    assert [hit["unsure"] for hit in hits] == [True] * 6
    amber = (read_image(sheet) == UNSURE).all(axis=2).sum()
    assert amber > 6 * 2 * 6 * 320  # six frames, six pixels wide, by their horizontal sides alone
    assert main(words) == 0
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.endswith(", UNSURE") for line in lines) == 6


def test_filters(added, photos, capsys):
    below = photos / "sea, 50% o'clock"
    assert main(["search", "a cat", "--json", "--folder", str(below), *added]) == 0
    assert {hit["path"].rpartition("/")[0] for hit in printed_json(capsys)} == {str(below)}
    assert main(["search", "a cat", "--until", "2001-01-01", *added]) == 1
    assert "nothing found" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["search", "a cat", "--since", "yesterday", *added])
    assert "as 2024-05-31" in capsys.readouterr().err
    assert main(["search", "a cat", "--min-area", "2", *added]) == 2
    assert "max_area (1.0) must lie between 0 and 1" in capsys.readouterr().err


def test_update_remove_and_stats(added, photos, tmp_path, capsys):
    (photos / "p0.png").unlink()
    (photos / "bad.png").write_text("no image")
    proposals = ["--proposals", "grouping:limit=4"]
    assert main(["index", "update", *proposals, *added]) == 1
    printed = capsys.readouterr()
    assert "1 failed, 5 kept, 1 removed" in printed.out
    assert printed.err.startswith("refmask: error: ")
    index = ["--index", str(tmp_path / "index")]
    assert main(["index", "remove", str(photos / "p1.png"), *index]) == 0
    assert "1 removed" in capsys.readouterr().out
    assert main(["index", "remove", str(photos / "p1.png"), *index]) == 0
    assert "0 removed" in capsys.readouterr().out
    assert main(["index", "stats", "--json", *index]) == 0
    (stats,) = printed_json(capsys)
    assert stats["images"] == 4
    assert stats["regions"] > 4
    assert stats["folders"] == [str(photos)]
    assert stats["configuration"]["proposer.limit"] == 4
    assert main(["index", "stats", *index]) == 0
    assert "compares every region" in capsys.readouterr().out


def test_another_system_is_refused(added, photos, model_files, capsys):
    assert main(["index", "add", str(photos), *added]) == 2
    assert "proposer grouping instead of" in capsys.readouterr().err
    name, weights = model_files("tiny_vit16")
    other = [*added, "--model", name, "--weights", weights]
    assert main(["search", "a cat", *other]) == 2
    error = capsys.readouterr().err
    assert "weights_sha256" in error
    assert error.count("\n") == 1


def test_no_index(words, capsys):
    for command in (["index", "stats", *words[:2]], ["search", "a cat", *words]):
        assert main(command) == 2
        error = capsys.readouterr().err
        assert "refmask index add" in error
        assert error.count("\n") == 1
    assert main(["index", "add", "/nowhere/at/all.png", *words]) == 2
    assert "there is no such file" in capsys.readouterr().err
