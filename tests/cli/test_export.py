"""``refmask export`` and ``refmask segment --format`` from the outside."""

import json

import numpy as np
import pytest
from PIL import Image

from refmask.cli import main


@pytest.fixture(scope="module")
def model(model_files):
    name, weights = model_files("tiny_vit32")
    return ["--model", name, "--weights", weights, "--precision", "fp32"]


@pytest.fixture
def photos(tmp_path, noise, fixed_proposer):
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        Image.fromarray(noise).save(folder / name)
    np.savez(tmp_path / "masks.npz", masks=fixed_proposer.propose(noise).masks)
    return folder


@pytest.fixture
def segment(photos, tmp_path, model):
    masks = f"masks:{tmp_path / 'masks.npz'}"
    words = ["segment", str(photos), "the dog", "a cat", "--proposals", masks, *model]
    return lambda *more: main([*words, *more])


def files(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_segment_writes_formats_instead_of_folders(segment, tmp_path, capsys):
    out = tmp_path / "out"
    assert segment("--format", "coco", "--format", "yolo", "--out", str(out)) == 0
    printed = capsys.readouterr().out
    assert f"coco: 2 files -> {out / 'coco'}" in printed
    assert f"yolo: 5 files -> {out / 'yolo'}" in printed
    assert "None" not in printed
    assert {path.name for path in out.iterdir()} == {"coco", "yolo"}
    exported = json.loads((out / "coco" / "instances.json").read_text())
    assert [row["image_id"] for row in exported["annotations"]] == [1, 1, 2, 2]
    assert {row["name"] for row in exported["categories"]} == {"the dog", "a cat"}


def test_export_writes_what_segment_would_have(segment, tmp_path, capsys):
    assert segment("--json") == 0
    (tmp_path / "answers.jsonl").write_text(capsys.readouterr().out)
    names = ["--format", "coco", "--format", "polygons"]
    assert (
        main(["export", str(tmp_path / "answers.jsonl"), *names, "--out", str(tmp_path / "one")])
        == 0
    )
    assert segment(*names, "--out", str(tmp_path / "two")) == 0
    assert files(tmp_path / "one") == files(tmp_path / "two")
    assert len(files(tmp_path / "one")) == 3


def test_json_stays_alone_on_standard_output(segment, tmp_path, capsys):
    assert segment("--json", "--format", "png", "--out", str(tmp_path / "out")) == 0
    printed = capsys.readouterr()
    assert len([json.loads(line) for line in printed.out.splitlines()]) == 4
    assert "png: 5 files" in printed.err


def test_labels_and_doubts(segment, tmp_path):
    out = tmp_path / "out"
    assert segment("--format", "coco", "--label", "head", "--sure-only", "--out", str(out)) == 0
    exported = json.loads((out / "coco" / "instances.json").read_text())
    assert len(exported["images"]) == 2
    assert not any(row["attributes"]["unsure"] for row in exported["annotations"])
    assert {row["name"] for row in exported["categories"]} <= {"dog", "cat"}


def test_files_that_are_there_are_told_before_the_work(segment, tmp_path, capsys):
    out = tmp_path / "out"
    (out / "coco").mkdir(parents=True)
    (out / "coco" / "instances.json").write_text("mine")
    assert segment("--format", "yolo", "--format", "coco", "--out", str(out)) == 2
    printed = capsys.readouterr()
    assert "the dog" not in printed.out
    assert "is not empty" in printed.err
    assert files(out) == {"coco/instances.json": b"mine"}
    assert segment("--format", "coco", "--out", str(out), "--overwrite") == 0
    assert files(out)["coco/instances.json"] != b"mine"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "there is no such file"),
        (b"", "holds no answers"),
        (b"\xff\xfe", "holds no answers"),
        (b"caf\xe9", "is not UTF-8 text"),
        (b"{}\n", "line 1 of"),
        (b"\n{\n", "line 2 of"),
    ],
    ids=str,
)
def test_faults_are_one_line(tmp_path, capsys, content, message):
    path = tmp_path / "answers.jsonl"
    if content is not None:
        path.write_bytes(content)
    assert main(["export", str(path), "--format", "coco", "--out", str(tmp_path / "out")]) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("refmask: error: ")
    assert printed.err.count("\n") == 1
    assert message in printed.err
    assert not (tmp_path / "out").exists()


def test_a_format_must_be_named_and_known(tmp_path, capsys):
    for words in ([], ["--format", "voc"]):
        with pytest.raises(SystemExit, match="2"):
            main(["export", str(tmp_path / "answers.jsonl"), *words])
        assert "--format" in capsys.readouterr().err
