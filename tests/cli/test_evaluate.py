"""``refmask evaluate``, ``score`` and ``compare`` from the outside."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest

from refmask import read_image
from refmask.cli import main
from refmask.data import load_dataset
from refmask.data.scenes import SHIPPED
from refmask.ops import rle

SCENES = ["scenes", "--split", "val"]


@pytest.fixture(scope="module")
def model(model_files):
    name, weights = model_files("tiny_vit32")
    return ["--model", name, "--weights", weights, "--precision", "fp32"]


@pytest.fixture(scope="module")
def dataset():
    return load_dataset("scenes", "val")


@pytest.fixture(scope="module")
def three(model, tmp_path_factory):
    """A run on three images, with ground-truth instances as proposals."""
    folder = tmp_path_factory.mktemp("runs") / "three"
    words = ["evaluate", *SCENES, "--first", "3", "--proposals", "instances", *model]
    assert main([*words, "--out", str(folder)]) == 0
    return folder


def lines(folder):
    return [json.loads(text) for text in (folder / "samples.jsonl").read_text().splitlines()]


def test_evaluate_prints_figures_and_writes_a_run(three, model, dataset, capsys):
    words = ["evaluate", *SCENES, "--first", "3", "--proposals", "instances", *model]
    before = (three / "samples.jsonl").read_bytes()
    assert main([*words, "--out", str(three)]) == 0  # again: nothing is left to do
    printed = capsys.readouterr()
    assert printed.err == ""
    assert (three / "samples.jsonl").read_bytes() == before
    count = sum(len(dataset.sample(name).queries) for name in dataset.ids[:3])
    assert len(lines(three)) == count
    assert f"scenes val: {count} expressions about 3 images" in printed.out
    assert "| upper mIoU | 100.00 | 100.00 to 100.00 |" in printed.out
    assert re.search(r"\| oIoU \| \d+\.\d\d \| \d+\.\d\d to \d+\.\d\d \|", printed.out)
    assert printed.out.splitlines()[-1] == f"records and summary in {three}"
    settings = json.loads((three / "summary.json").read_text())["configuration"]
    assert settings["proposals.proposer"] == "instances"
    assert settings["fingerprint"] == dataset.fingerprint


def test_the_default_folder_is_named_by_data_system_and_settings(
    model, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    words = ["evaluate", *SCENES, "--first", "1", "--limit", "3", *model]
    assert main(words) == 0  # of proposals by grouping
    assert main([*words, "--proposals", "instances"]) == 0
    made = sorted(path.name for path in (tmp_path / "runs").iterdir())
    assert len(made) == 2
    assert all(re.fullmatch("scenes-val-global-local-[0-9a-f]{8}", name) for name in made)
    assert (
        capsys.readouterr().out.splitlines()[-1].removeprefix("records and summary in runs/")
        in made
    )
    assert all(entry["proposals"] <= 3 for entry in lines(tmp_path / "runs" / made[0]))


def test_another_configuration_is_refused(three, model, capsys):
    words = ["evaluate", *SCENES, "--first", "3", "--proposals", "instances", *model]
    assert main([*words, "--out", str(three), "--alpha", "0.25", "--limit", "2"]) == 2
    error = capsys.readouterr().err
    assert "alpha 0.85 instead of 0.25" in error
    assert "proposals.refinement.limit nothing instead of 2" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--first", "0"], "--first 0 is too small"),
        (["--proposals", "masks:none/{stem}.npz"], "24 mask files for the 24 images do not exist"),
        (["--proposals", "nothing"], "unknown proposals"),
        (["--split", "testA"], "testA"),
    ],
)
def test_faults_are_one_line(words, message, model, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["evaluate", *SCENES, *model, *words, "--out", "run"]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.filterwarnings("default::refmask.errors.RefmaskWarning")
def test_missing_images(model, tmp_path, capsys):
    root = tmp_path / "scenes"
    shutil.copytree(SHIPPED, root)
    files = sorted(root.rglob("*.png"))
    files[1].unlink()
    files[2].write_bytes(files[2].read_bytes()[:200])
    words = ["evaluate", *SCENES, "--root", str(root), "--proposals", "instances", *model]
    words += ["--out", str(tmp_path / "run")]
    assert main(words) == 2
    assert f"1 of 24 images are missing, the first: {files[1]}" in capsys.readouterr().err
    assert main([*words, "--missing", "skip"]) == 1
    printed = capsys.readouterr()
    assert "2 of 24 images cannot be read" in printed.err
    assert "2 images missing: left out" in printed.out
    assert len({entry["image"] for entry in lines(tmp_path / "run")}) == 22


def test_the_embedded_model_answers_about_scenes_and_where_it_is_named(tmp_path, capsys):
    root = tmp_path / "photos"
    shutil.copytree(SHIPPED / "images", root / "images")
    shutil.copytree(SHIPPED / "scenes", root / "toys")
    (root / "toys" / "refs(scenes).p").unlink()
    words = ["--split", "val", "--first", "1", "--proposals", "instances"]
    named = ["--model", "embedded"]
    for name, model, line in (
        ("scenes", [], "embedded (made for these scenes)"),
        (str(root / "toys"), named, "embedded (emoji model: knows emoji scenes only)"),
    ):
        out = str(tmp_path / f"run-{len(model)}")
        assert main(["evaluate", name, *words, *model, "--out", out]) == 0
        assert capsys.readouterr().err.startswith(f"refmask: model: {line}")


def test_compat_reference_reaches_the_evaluation(model, tmp_path):
    words = ["evaluate", *SCENES, "--first", "1", "--proposals", "instances", *model]
    assert main([*words, "--compat", "reference", "--out", str(tmp_path / "run")]) == 0
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary["configuration"]["compat.skip_without_proposals"] is True
    apart = load_dataset("scenes", "val", overlap_is_background=True)
    assert summary["configuration"]["fingerprint"] == apart.fingerprint
    assert "pixels where polygons of a target overlap are outside of it" in summary["rules"]


def test_score_and_compare(three, dataset, tmp_path, capsys):
    masks = {}
    for name in dataset.ids[:3]:
        masks |= {query.id: rle.encode(query.target) for query in dataset.sample(name).queries}
    (tmp_path / "perfect.json").write_text(json.dumps(masks))
    words = ["score", str(tmp_path / "perfect.json"), "--dataset", *SCENES, "--first", "3"]
    assert main([*words, "--out", str(tmp_path / "perfect")]) == 0
    assert "| oIoU | 100.00 | 100.00 to 100.00 |" in capsys.readouterr().out
    out = tmp_path / "compared"
    words = ["compare", str(three), str(tmp_path / "perfect"), "--count", "2", "--out", str(out)]
    assert main(words) == 0
    printed = capsys.readouterr().out
    wrong = [entry for entry in lines(three) if entry["iou"] < 1]
    assert f"{len(wrong)} answers with another IoU" in printed
    assert "0 right -> wrong" in printed
    assert "system: refmask -> predictions" in printed
    comparison = json.loads((out / "comparison.json").read_text())
    assert {change["query"] for change in comparison["changes"]} == {
        entry["query"] for entry in wrong
    }
    assert comparison["figures"]["oIoU"]["second"] == 1.0
    drawings = sorted(out.glob("*.png"))
    assert [drawing.name[:3] for drawing in drawings] == ["01-", "02-"]
    assert read_image(drawings[0]).shape[1] > 1000


def test_a_comparison_draws_the_data_of_the_runs(three, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    words = ["compare", str(three), str(three), "--out", str(tmp_path / "out")]
    assert main([*words, "--root", str(tmp_path / "empty")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert main(["compare", str(three), str(tmp_path)]) == 2
    assert "'refmask evaluate'" in capsys.readouterr().err


def test_killed_and_resumed_is_unbroken(tmp_path, monkeypatch):
    # The repository may get commits while this runs.
    monkeypatch.setattr("refmask.evaluation.summary.commit", lambda: None)
    words = ["evaluate", *SCENES, "--proposals", "instances", "--first", "12"]
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    program = [sys.executable, "-m", "refmask", *words, "--out", str(killed)]
    process = subprocess.Popen(
        program, env=os.environ | {"OMP_NUM_THREADS": "1"}, stderr=subprocess.PIPE
    )
    records = killed / "samples.jsonl"
    deadline = time.monotonic() + 120
    while not (records.exists() and records.stat().st_size) and time.monotonic() < deadline:
        assert process.poll() is None, process.stderr.read().decode()
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert not (killed / "summary.json").exists()
    done = {entry["image"] for entry in lines(killed)}
    assert 0 < len(done) < 12
    assert main([*words, "--out", str(killed)]) == 0
    assert main([*words, "--out", str(whole)]) == 0
    for name in ("samples.jsonl", "summary.json", "configuration.json"):
        assert (killed / name).read_bytes() == (whole / name).read_bytes()


def test_evaluate_tells_kinds_about_several_and_none(model, tmp_path, capsys):
    words = ["evaluate", "gscenes", "--split", "val", "--first", "3", "--proposals", "instances"]
    assert main([*words, *model, "--out", str(tmp_path / "run")]) == 0
    printed = capsys.readouterr().out
    assert "| kind | expressions | right % | N-acc % | instance F1 % |" in printed
    assert re.search(r"\| absent-class \| 3 \| - \| \d+\.\d\d \| - \|", printed)
    assert re.search(r"\| plural \| \d+ \| \d+\.\d\d \| - \| \d+\.\d\d \|", printed)
    assert re.search(r"\| T-acc \| \d+\.\d\d ", printed)
