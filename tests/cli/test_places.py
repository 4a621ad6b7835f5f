"""Commands try where they are to write before they work."""

import subprocess
import sys

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
        (["segment", "IMAGE", "x", "--proposals", "masks:BROKEN"], "is not valid JSON"),
        (["segment", "IMAGE", "x", "--proposals", "nonesuch"], "unknown proposals 'nonesuch'"),
        (["segment", "IMAGE", "x", "--proposals", "store:none"], "none is no store"),
        (
            ["segment", "IMAGE", "x", "--proposals", "sam:weights=n.pt"],
            "weights from n.pt: there is",
        ),
        (["segment", "none.png", "x"], "cannot read an image from none.png: there is no such file"),
        (["segment", "IMAGE", "x", "--method", "nonesuch"], "no method is called 'nonesuch'"),
        (["segment", "IMAGE", "x", "--preset", "nonesuch"], "no preset is called 'nonesuch'"),
        (["segment", "IMAGE", "x", "--parser", "nonesuch"], "an installed spaCy pipeline, got"),
        (["segment", "IMAGE", "x", "--beta", "nan"], "--beta is nan, not between 0 and 1; correct"),
        (["segment", "IMAGE", "x", "--min-area", "7"], "min_area and max_area are from 0 to 1"),
        (["segment", "IMAGE", "x", "--store-limit", "much"], "'much' is not a size"),
        (
            ["propose", "IMAGE", "--draw", "x", "--weights", "none.pt"],
            "weights from none.pt: there",
        ),
        (["index", "add", "none.png", "--index", "x"], "cannot read an image from none.png"),
        (["search", "", "--index", "x"], "expected an expression, got an empty one"),
        (["search", "a", "--index", "none"], "there is no index in none; create one"),
        (["batch", "none.csv", "--out", "x"], "images, or a table of them, from none.csv"),
    ],
)
def test_what_cannot_be_read_is_told_before_any_work(
    words, says, image, tmp_path, monkeypatch, capsys
):
    (tmp_path / "broken.json").write_text("{")
    np.savez(tmp_path / "many.npz", masks=np.ones((3, 6, 9), bool))
    monkeypatch.setenv("REFMASK_LIMITS", "masks=2")
    monkeypatch.setattr("refmask.cli.segment.settle", lambda *_: pytest.fail("a model is chosen"))
    names = {
        "IMAGE": image,
        "masks:MANY": f"masks:{tmp_path / 'many.npz'}",
        "masks:BROKEN": f"masks:{tmp_path / 'broken.json'}",
    }
    assert main([names.get(word, word) for word in words]) == 2
    told = capsys.readouterr()
    assert says in told.err
    assert told.err.count("\n") == 1


MISTAKES = {
    "--model nonesuch": "unknown model 'nonesuch'; choose 'offline'",
    "--model ViT-B-32 --weights none.pt": "cannot read weights from none.pt: there is no such file",
    "--model ViT-B-32 --weights opnai": "no weights 'opnai'; choose a file, 'hf-hub:ORG/REPO' or",
    "--model bad.json": "bad.json is not valid JSON",
}
COMMANDS = (
    *("segment IMAGE x", "evaluate scenes", "search x --index .", "index add IMAGE --index ."),
    *("batch IMAGE --expressions phrases.txt --out x", "app", "serve"),
)


def test_mistakes_are_told_without_torch_or_spacy(image, tmp_path):
    """In one process, in which both may not be imported."""
    (tmp_path / "bad.json").write_text("{")
    (tmp_path / "phrases.txt").write_text("the cat")
    (tmp_path / "empty.txt").write_text("\n")
    (tmp_path / "refmask-index.json").write_text(
        '{"format": 1, "folders": [], "removed": [], "configuration": {}, "alpha": 0.9, "dim": 2}'
    )
    asked = [*(f"{command} {mistake}" for command in COMMANDS for mistake in MISTAKES)]
    asked += ["batch IMAGE --expressions empty.txt --out x"]
    code = (
        "import sys; sys.modules.update(torch=None, spacy=None)\n"
        "from refmask.cli import main\n"
        f"for words in {[line.replace('IMAGE', image).split() for line in asked]!r}: "
        "print(main(words), flush=True, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    told = done.stderr.splitlines()
    assert told[1::2] == ["2"] * len(asked)
    says = [
        *(text for _ in COMMANDS for text in MISTAKES.values()),
        "empty.txt holds no expressions",
    ]
    assert all(text in line for text, line in zip(says, told[::2], strict=True)), told


def test_where_a_value_comes_from_is_told_before_any_work(image, monkeypatch, capsys):
    monkeypatch.setenv("REFMASK_MODEL", "nonesuch")
    monkeypatch.setattr(
        "refmask.cli.options._print_model", lambda *_: pytest.fail("a model is loaded")
    )
    assert main(["segment", image, "x"]) == 2
    assert "(model is 'nonesuch' in REFMASK_MODEL)" in capsys.readouterr().err
