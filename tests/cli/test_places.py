"""Commands try where they are to write before they work."""

import numpy as np
import pytest
from PIL import Image

from refmask.cli import main


@pytest.fixture
def image(tmp_path, noise):
    Image.fromarray(noise).save(tmp_path / "a.png")
    return str(tmp_path / "a.png")


@pytest.mark.parametrize(
    "words",
    [
        ["segment", "IMAGE", "the cat", "--out", "/proc/there"],
        ["propose", "IMAGE", "--out", "/proc/there/{stem}.npz"],
        ["propose", "IMAGE", "--draw", "/proc/there"],
        ["evaluate", "scenes", "--split", "val", "--out", "/proc/there"],
        ["demo", "--out", "/proc/there"],
        ["search", "the cat", "--index", "none", "--sheet", "/proc/there.png"],
        ["batch", "IMAGE", "--expressions", "a.txt", "--out", "/proc/there"],
    ],
    ids=lambda words: " ".join(words[::3]),
)
def test_a_place_that_cannot_be_written_is_told_before_any_work(words, image, capsys):
    # No model by this name could be loaded, so nothing was tried.
    words = [image if word == "IMAGE" else word for word in words]
    words += [] if words[0] in ("demo", "propose") else ["--model", "none"]
    assert main(words) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("refmask: error: cannot write to /proc/there")
    assert told.err.count("\n") == 1


def test_a_default_place_is_tried_too(image, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "refmask-out").write_text("a file where a folder should be")
    assert main(["segment", image, "the cat", "--model", "none"]) == 2
    assert "refmask-out is no folder" in capsys.readouterr().err


def test_a_file_that_is_there_may_be_replaced(tmp_path, image):
    out = tmp_path / "out.npz"
    out.touch()
    assert main(["propose", image, "--proposals", "grouping:limit=2", "--out", str(out)]) == 0
    with np.load(out) as file:
        assert file.files


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["segment", "IMAGE", ""], "expected an expression, got an empty one"),
        (["segment", "IMAGE", "x", "--proposals", "masks:none"], "there is no such file"),
        (["segment", "IMAGE", "x", "--proposals", "masks:/dev/zero"], "a device or a pipe"),
        (["propose", "IMAGE", "--draw", "x", "--proposals", "masks:MANY"], "take 3 masks, at"),
        (["evaluate", "scenes", "--proposals", "masks:MANY"], "take 3 masks, at most 2 are read"),
    ],
)
def test_what_cannot_be_read_is_told_before_any_work(
    words, says, image, tmp_path, monkeypatch, capsys
):
    np.savez(tmp_path / "many.npz", masks=np.ones((3, 6, 9), bool))
    monkeypatch.setenv("REFMASK_LIMITS", "masks=2")
    monkeypatch.setattr("refmask.cli.segment.settle", lambda *_: pytest.fail("a model is chosen"))
    names = {"IMAGE": image, "masks:MANY": f"masks:{tmp_path / 'many.npz'}"}
    assert main([names.get(word, word) for word in words]) == 2
    told = capsys.readouterr()
    assert says in told.err
    assert told.err.count("\n") == 1
