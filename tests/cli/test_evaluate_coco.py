"""``refmask evaluate`` on data in COCO's format, with categories as queries."""

import json

import pytest

from refmask.cli import main
from refmask.data import load_dataset
from refmask.ops import rle


@pytest.fixture(scope="module")
def model(model_files):
    name, weights = model_files("tiny_vit32")
    return ["--model", name, "--weights", weights, "--precision", "fp32"]


@pytest.fixture
def evaluate(own_coco, model, tmp_path):
    """Runs ``refmask evaluate coco`` on the small data; gives status and folder."""

    def run(name, *words):
        folder = tmp_path / name
        command = ["evaluate", "coco", "--root", str(own_coco), "--questions", "categories"]
        return main([*command, *model, *words, "--out", str(folder)]), folder

    return run


def lines(folder):
    return [json.loads(text) for text in (folder / "samples.jsonl").read_text().splitlines()]


def summary(folder):
    return json.loads((folder / "summary.json").read_text())


def test_categories_are_asked_for_among_proposals(evaluate, own_coco, capsys):
    status, folder = evaluate("run", "--proposals", "grouping")
    assert status == 0
    printed = capsys.readouterr().out
    assert "coco all (categories): 2 expressions about 2 images" in printed
    assert all(f"| {name} |" in printed for name in ("mIoU", "Pr@0.5", "upper mIoU", "chance"))
    records = lines(folder)
    assert [record["expression"] for record in records] == ["teddy bear", "cup"]
    assert [record["kind"] for record in records] == ["teddy bear", "cup"]
    # Grouping finds both rectangles whole.
    assert all(record["best_intersection"] == record["best_union"] for record in records)
    configuration = summary(folder)["configuration"]
    assert configuration["questions"] == "categories"
    dataset = load_dataset("coco", None, own_coco, questions="categories")
    assert configuration["fingerprint"] == dataset.fingerprint


def test_among_the_instances_any_of_the_category_is_right(evaluate, capsys):
    status, folder = evaluate("run", "--proposals", "instances")
    assert status == 0
    records = {record["query"]: record for record in lines(folder)}
    assert list(records) == ["5-1", "5-2", "5-4", "3-2", "3-4"]
    assert {record["proposals"] for record in records.values()} == {3}
    right = {"5-1": [0], "5-2": [1], "5-4": [2], "3-2": [2], "3-4": [0, 1]}
    for query, record in records.items():
        assert record["right_instance"] == record["right_class"]
        assert record["right_instance"] == (record["chosen"] in right[query])
        assert (record["iou"] == 1) == (record["chosen"] in right[query])
        assert record["chance"] == pytest.approx(len(right[query]) / 3)
    figures = summary(folder)["figures"]
    assert figures["choice"]["value"] == sum(r["right_instance"] for r in records.values()) / 5
    assert figures["chance"]["value"] == pytest.approx(0.4)
    assert summary(folder)["configuration"]["questions"] == "choices"
    assert set(summary(folder)["by_kind"]) == {"teddy bear", "cup", "dog"}
    printed = capsys.readouterr().out
    assert "coco all (choices): 5 expressions about 2 images" in printed
    assert "| chance | 40.00 |" in printed


def test_a_run_goes_on_and_is_not_taken_for_one_of_other_questions(evaluate, capsys):
    words = ["--proposals", "instances"]
    _, folder = evaluate("run", *words)
    whole = (folder / "samples.jsonl").read_bytes()
    with (folder / "samples.jsonl").open("wb") as file:
        file.writelines(whole.splitlines(keepends=True)[:3])
    assert evaluate("run", *words)[0] == 0
    assert (folder / "samples.jsonl").read_bytes() == whole
    capsys.readouterr()
    assert evaluate("run")[0] == 2
    assert "questions choices instead of categories" in capsys.readouterr().err


@pytest.mark.filterwarnings("default::refmask.errors.RefmaskWarning")
def test_missing_and_damaged_images(evaluate, own_coco, capsys):
    (own_coco / "images" / "2.png").unlink()  # it has no query
    (own_coco / "images" / "3.png").unlink()
    assert evaluate("run")[0] == 2
    assert "1 of 2 images are missing, the first:" in capsys.readouterr().err
    (own_coco / "images" / "3.png").write_bytes(b"no image")
    assert evaluate("run")[0] == 2
    assert "3.png" in capsys.readouterr().err
    status, folder = evaluate("run", "--missing", "skip")
    assert status == 1
    assert "1 of 2 images cannot be read" in capsys.readouterr().err
    assert [record["query"] for record in lines(folder)] == ["5-1"]


def test_other_masks_are_scored_and_compared(evaluate, own_coco, tmp_path, capsys):
    dataset = load_dataset("coco", None, own_coco, questions="categories")
    queries = [query for name in dataset.ids for query in dataset.sample(name).queries]
    file = tmp_path / "perfect.json"
    file.write_text(json.dumps({query.id: rle.encode(query.target) for query in queries}))
    words = ["score", str(file), "--dataset", "coco", "--root", str(own_coco)]
    scored = str(tmp_path / "scored")
    assert main([*words, "--questions", "categories", "--out", scored]) == 0
    printed = capsys.readouterr().out
    assert "| mIoU | 100.00 |" in printed
    assert "chance" not in printed
    _, folder = evaluate("run", "--limit", "1")
    capsys.readouterr()
    out = tmp_path / "compared"
    compared = ["compare", str(folder), scored, "--root", str(own_coco), "--out", str(out)]
    assert main(compared) == 0
    assert list(out.glob("*.png"))
    _, other = evaluate("choices", "--proposals", "instances")
    capsys.readouterr()
    assert main(["compare", str(other), scored]) == 2
    assert "questions: choices and categories" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["evaluate", "coco"], "coco has no expressions; add --questions categories"),
        (["evaluate", "scenes"], "scenes needs a split; add --split"),
        (
            ["evaluate", "scenes", "--split", "val", "--questions", "categories"],
            "scenes has expressions of its own; leave --questions out",
        ),
        (["evaluate", "coco", "--questions", "categories"], "coco is not shipped; give the folder"),
        (["data", "show", "coco", "--out", "drawn"], "coco is not shipped; give the folder"),
    ],
)
def test_mistakes_are_told_in_one_line(words, message, capsys):
    assert main(words) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_data_are_checked_and_shown(own_coco, tmp_path, capsys):
    root = ["--root", str(own_coco)]
    assert main(["data", "check", "coco", *root]) == 0
    printed = capsys.readouterr().out
    assert "here      instances.json" in printed
    assert "split all: 4 images, 0 expressions" in printed
    assert "annotations" not in printed
    shown = ["data", "show", "coco", *root, "--out", str(tmp_path / "drawn")]
    assert main([*shown, "--questions", "categories"]) == 0
    printed = capsys.readouterr().out
    assert "coco-all-5.png: 1 expressions" in printed
    assert printed.count("\n") == 2
    before = (tmp_path / "drawn" / "coco-all-5.png").read_bytes()
    assert main(shown) == 0
    assert (tmp_path / "drawn" / "coco-all-5.png").read_bytes() != before
    (own_coco / "images" / "8.png").unlink()
    assert main(["data", "check", "coco", *root]) == 1
    assert "1 images are missing, first: 8.png" in capsys.readouterr().out
