"""``refmask segment`` from the outside: files, output, exit status, and never a traceback."""

import io
import json
import shutil
import zipfile
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from refmask import read_image
from refmask.cli import main
from refmask.ops import rle
from refmask.weights.hashing import sha256_of


@pytest.fixture(scope="module")
def model(model_files):
    name, weights = model_files("tiny_vit32")
    return ["--model", name, "--weights", weights, "--precision", "fp32"]


@pytest.fixture
def image(tmp_path, noise):
    path = tmp_path / "street.png"
    Image.fromarray(noise).save(path)
    return str(path)


@pytest.fixture
def masks(tmp_path, noise, fixed_proposer):
    path = tmp_path / "masks.npz"
    np.savez(path, masks=fixed_proposer.propose(noise).masks)
    return f"masks:{path}"


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_one_image_two_phrases(image, masks, model, tmp_path, capsys):
    out = tmp_path / "out"
    status = main(
        ["segment", image, "the red car", "left guy in blue!", "--proposals", masks, "--top", "3"]
        + ["--out", str(out), *model]
    )
    printed = capsys.readouterr()
    assert status == 0
    assert printed.err == ""
    assert "'the red car': confidence" in printed.out
    assert "uncalibrated" in printed.out
    names = ["01-the-red-car", "02-left-guy-in-blue"]
    kinds = ("json", "mask.png", "overlay.png")
    assert files(out) == [f"street/{name}.{kind}" for name in names for kind in kinds]
    fields = json.loads((out / "street" / f"{names[1]}.json").read_text())
    assert fields["expression"] == "left guy in blue!"
    assert (fields["noun_phrase"], fields["head"]) == ("left guy", "guy")
    assert [c["proposal"] for c in fields["candidates"]][:2] == [
        fields["answer"]["proposal"],
        fields["runner_up"]["proposal"],
    ]
    assert len(fields["candidates"]) == 3
    assert fields["margin"] == pytest.approx(
        fields["answer"]["score"] - fields["runner_up"]["score"], abs=2e-4
    )
    mask = read_image(out / "street" / f"{names[1]}.mask.png")[..., 0]
    assert set(np.unique(mask)) == {0, 255}
    assert np.array_equal(mask > 0, rle.decode(fields["answer"]["segmentation"]))
    assert fields["answer"]["area"] == 30 * 40
    assert fields["provenance"] == {
        "model": "tiny_vit32.json tiny_vit32.safetensors",
        "weights": sha256_of(Path(model[3])),
        "proposals": masks,
        "method": "global-local:alpha=0.85,beta=0.5,terms=all,answers=auto",
        "version": version("refmask"),
        "label": None,
    }
    drawn = read_image(out / "street" / f"{names[1]}.overlay.png")
    assert drawn.shape[1] == 640
    assert drawn.shape[0] > 480


def test_a_shortlist_of_one_and_of_all(image, masks, model, capsys):
    scores = {}
    for top in ("1", "4", None):
        words = ["segment", image, "the red car", "--proposals", masks, "--top", "4", "--json"]
        assert main([*words, *(["--local-top", top] if top else []), *model]) == 0
        candidates = json.loads(capsys.readouterr().out)["candidates"]
        scores[top] = {one["proposal"]: one["score"] for one in candidates}
    assert scores["4"] == scores[None]
    assert scores["1"] != scores[None]


def test_json_prints_lines_and_writes_nothing(image, masks, model, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = files(tmp_path)
    assert main(["segment", image, "a cat", "a dog", "--proposals", masks, "--json", *model]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["expression"] for line in lines] == ["a cat", "a dog"]
    assert {line["image"] for line in lines} == {image}
    assert files(tmp_path) == before


def test_a_folder_with_a_bad_image(noise, masks, model, tmp_path, capsys):
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("a.png", "c.png", "c.jpg"):
        Image.fromarray(noise).save(folder / name)
    (folder / "b.png").write_text("no image")
    out = tmp_path / "out"
    arguments = ["a cat", "--proposals", masks, "--out", str(out), *model]
    assert main(["segment", str(folder), *arguments]) == 1
    printed = capsys.readouterr()
    assert printed.err.splitlines() == [
        line for line in printed.err.splitlines() if line.startswith("refmask: error: ")
    ]
    assert "b.png" in printed.err
    assert {path.split("/")[0] for path in files(out)} == {"a", "c", "c-2"}
    assert main(["segment", f"{folder}/[ab].png", *arguments]) == 1


def test_one_region_gets_no_percentage(image, model, tmp_path, capsys):
    np.savez(tmp_path / "one.npz", masks=np.ones((1, 60, 80), np.bool_))
    words = ["segment", image, "a cat", "--proposals", f"masks:{tmp_path}/one.npz", *model]
    assert main([*words, "--out", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out
    assert "'a cat': UNSURE: one region only" in printed
    assert "%" not in printed
    assert main([*words, "--json"]) == 0
    fields = json.loads(capsys.readouterr().out)
    values = (fields["confidence"], fields["unsure"], fields["reason"])
    assert values == (None, True, "one region only")
    assert fields["answer"]["probability"] is None


def test_masks_by_the_images_name(noise, model, tmp_path, fixed_proposer):
    masks = fixed_proposer.propose(noise).masks
    for index, name in enumerate(("a", "b")):
        Image.fromarray(noise).save(tmp_path / f"{name}.png")
        np.savez(tmp_path / f"{name}.npz", masks=masks[index : index + 1])
    arguments = ["--proposals", f"masks:{tmp_path}/{{stem}}.npz", "--out", str(tmp_path / "out")]
    assert main(["segment", f"{tmp_path}/*.png", "a cat", *arguments, *model]) == 0
    for index, name in enumerate(("a", "b")):
        fields = json.loads((tmp_path / "out" / name / "01-a-cat.json").read_text())
        assert np.array_equal(rle.decode(fields["answer"]["segmentation"]), masks[index])
        assert fields["runner_up"] is None


def test_no_proposals_at_all(image, model, tmp_path, capsys):
    np.savez(tmp_path / "none.npz", masks=np.zeros((0, 60, 80), bool))
    out = tmp_path / "out"
    options = ["--proposals", f"masks:{tmp_path}/none.npz", "--out", str(out)]
    assert main(["segment", image, "a cat", *options, *model]) == 0
    assert "no proposals, so no answer" in capsys.readouterr().out
    fields = json.loads((out / "street" / "01-a-cat.json").read_text())
    assert (fields["answer"], fields["unsure"], fields["candidates"]) == (None, True, [])
    assert not read_image(out / "street" / "01-a-cat.mask.png").any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image": "absent.png"}, "there is no such file"),
        ({"image": "cut.jpg"}, "damaged or cut short"),
        ({"image": "archive.png"}, "is no image that refmask can read"),
        ({"image": "large.png"}, "108000000 pixels"),
        ({"expression": "  "}, "empty"),
        ({"expression": "word " * 10_000}, "2000 characters"),
        ({"expression": "street.png"}, "put a glob in quotes"),
        ({"--proposals": "masks:small.npz"}, "7x9"),
        ({"--proposals": "masks:archive.png"}, "cannot read the mask"),
        ({"--proposals": "magic"}, "grouping"),
        ({"--model": "no-such-model"}, "open_clip model name"),
        ({"--weights": "nan.safetensors"}, "NaN or infinity"),
        ({"--weights": "archive.pt"}, "archive.pt"),
        ({"--weights": "other"}, "other.safetensors do not fit"),
        ({"--alpha": "1.5"}, "--alpha is 1.5, not between 0 and 1"),
        ({"--local-top": "0"}, "--local-top is 0, not at least 1"),
        ({"--local-top": "3", "--method": "cropping"}, "method cropping has no local_top"),
        ({"--preset": "coco"}, "refcocog"),
        ({"--method": "guess"}, "global-local"),
        ({"--parser": "no_such_parser"}, "no_such_parser"),
        ({"--top": "0"}, "--top 0 is too small"),
        ({"--out": "street.png"}, "cannot write"),
    ],
)
@pytest.mark.usefixtures("image")
def test_bad_input_is_one_line_and_no_file(
    change, message, masks, model_files, tmp_path, monkeypatch, capsys
):
    from safetensors.torch import load_file, save_file

    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (300, 300), "red").save("cut.jpg")
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "cut.jpg").read_bytes()[:500])
    for name in ("archive.png", "archive.pt"):
        with zipfile.ZipFile(name, "w") as archive:
            archive.writestr("a", "b")
    np.savez("small.npz", masks=np.ones((1, 9, 7), bool))
    if change.get("image") == "large.png":
        Image.new("1", (12_000, 9_000)).save("large.png")
    options = {"--proposals": masks, "--out": "out"}
    options["--model"], options["--weights"] = model_files("tiny_vit32")
    if change.get("--weights") == "nan.safetensors":
        state = load_file(options["--weights"])
        state["logit_scale"] = state["logit_scale"] * float("nan")
        save_file(state, "nan.safetensors")
    if change.get("--weights") == "other":
        shutil.copy(model_files("tiny_rn")[1], "other.safetensors")
        change = {"--weights": "./other.safetensors"}
    image = change.get("image", "street.png")
    expression = change.get("expression", "the red car")
    options |= {key: value for key, value in change.items() if key.startswith("--")}
    before = files(tmp_path)
    words = [word for pair in options.items() for word in pair]
    assert main(["segment", image, expression, *words]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert printed.err.startswith("refmask: error: ")
    assert message in printed.err
    assert "Traceback" not in printed.err
    assert files(tmp_path) == before


def test_a_image_of_one_pixel(model, tmp_path):
    Image.new("RGB", (1, 1), "red").save(tmp_path / "dot.png")
    out = tmp_path / "out"
    arguments = ["segment", str(tmp_path / "dot.png"), "a dot", "--out", str(out)]
    assert main([*arguments, *model]) == 0
    assert len(files(out)) == 3


def test_the_embedded_model_says_what_it_is_for_before_it_answers(image, tmp_path, monkeypatch):
    stream_text = io.StringIO()
    for stream in ("stdout", "stderr"):
        monkeypatch.setattr(f"sys.{stream}", stream_text)
    words = ["segment", image, "the duck", "--model", "embedded", "--out", str(tmp_path / "out")]
    assert main(words) == 0
    note, answer = stream_text.getvalue().splitlines()
    assert note.startswith("refmask: model: embedded (emoji model: knows emoji scenes only)")
    assert "'the duck': none: nothing here looks like 'duck'" in answer


def test_defaults_come_from_the_environment_and_the_file(
    image, masks, model, tmp_path, monkeypatch, capsys
):
    """Options of the command go before both."""

    def alpha(*words):
        # Global scores alone, local ones alone, or in between.
        assert main(["segment", image, "a cat", *words, *model, "--top", "4", "--json"]) == 0
        return json.loads(capsys.readouterr().out)["candidates"]

    stated = {value: alpha("--proposals", masks, "--alpha", value) for value in ("0", "0.5", "1")}
    monkeypatch.setenv("REFMASK_CONFIG", str(tmp_path / "config.toml"))
    (tmp_path / "config.toml").write_text(f"[options]\nalpha = 1\nproposals = '{masks}'\n")
    assert alpha() == stated["1"]
    monkeypatch.setenv("REFMASK_ALPHA", "0.5")
    assert alpha() == stated["0.5"]
    assert alpha("--alpha", "0") == stated["0"]
    monkeypatch.setenv("REFMASK_ALPHA", "half")
    assert main(["segment", image, "a cat", *model]) == 2
    assert "refmask: error: REFMASK_ALPHA is 'half'" in capsys.readouterr().err


@pytest.mark.filterwarnings("default::refmask.RefmaskWarning")
def test_a_phrase_longer_than_the_model_reads(image, masks, model, tmp_path, capsys):
    long = "the very " * 60 + "old man"
    out = ["--out", str(tmp_path / "out")]
    assert main(["segment", image, long, "--proposals", masks, *out, *model]) == 0
    error = capsys.readouterr().err
    assert error.startswith("refmask: warning: expected at most 77 tokens")
    assert error.count("\n") == 1
