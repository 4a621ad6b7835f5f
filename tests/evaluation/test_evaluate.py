"""The loop over images: what is counted, left out and told."""

import json
from dataclasses import dataclass

import numpy as np
import pytest

from refmask.compat import Compat
from refmask.errors import (
    ConfigurationError,
    ExpressionError,
    ImageError,
    InputError,
    RefmaskWarning,
)
from refmask.evaluation.evaluate import Evaluation
from refmask.evaluation.run import complete_images
from refmask.ops import rle


def records(folder):
    return [record for some, _ in complete_images(folder) for record in some]


def summary(folder):
    return json.loads((folder / "summary.json").read_text())


def test_figures_follow_from_the_recorded_masks(evaluated, squares, guessing):
    folder = evaluated("run", squares, guessing())
    found = records(folder)
    targets = {q.id: q.target for name in squares.ids for q in squares.sample(name).queries}
    assert [record["query"] for record in found] == list(targets)
    both = either = mean = 0
    for record in found:
        mask, target = rle.decode(record["mask"]), targets[record["query"]]
        shared, union = (mask & target).sum(), (mask | target).sum()
        assert (record["intersection"], record["union"]) == (shared, union)
        assert record["iou"] == pytest.approx(shared / union, abs=1e-6)
        both, either, mean = both + shared, either + union, mean + shared / union
    figures = summary(folder)["figures"]
    assert figures["oIoU"]["value"] == pytest.approx(both / either)
    assert figures["mIoU"]["value"] == pytest.approx(mean / len(found))
    right = np.mean([r["chosen"] == int(r["query"][-1]) % 2 for r in found])
    assert figures["choice"]["value"] == figures["MC-ACC"]["value"] == pytest.approx(right)
    assert 0 < figures["oIoU"]["value"] < figures["upper oIoU"]["value"] < 1
    assert figures["oIoU"]["low"] < figures["oIoU"]["value"] < figures["oIoU"]["high"]


def test_the_summary_says_what_it_is_of(evaluated, squares, guessing):
    system = guessing()
    folder = evaluated("run", squares, system)
    told = summary(folder)
    assert (told["expressions"], told["images"], told["without_proposals"]) == (14, 5, 0)
    assert {name: group["expressions"] for name, group in told["by_kind"].items()} == {
        "place": 6,
        "colour": 5,
    }
    assert {name: group["expressions"] for name, group in told["by_length"].items()} == {
        "1-5": 13,
        "6-7": 1,
    }
    assert told["configuration"] == {
        "data": "squares",
        "split": "val",
        "fingerprint": "f" * 64,
        "system": "guessing",
        "shift": 1,
    }
    assert json.loads((folder / "configuration.json").read_text()) == told["configuration"]
    assert len(system.asked) == 14


def test_the_first_images_alone(evaluated, squares, guessing):
    system = guessing()
    folder = evaluated("run", squares, system, first=2)
    assert {record["image"] for record in records(folder)} == {"7", "3"}
    assert not hasattr(system, "asked")  # not the whole split


def test_images_without_proposals_count_unless_the_rules_say_otherwise(
    evaluated, squares, guessing
):
    counted = summary(evaluated("counted", squares, guessing(silent=("3",))))
    skips = guessing(silent=("3",), compat=Compat(skip_without_proposals=True))
    folder = evaluated("skipped", squares, skips)
    skipped = summary(folder)
    others = [r for r in records(evaluated("all", squares, guessing())) if r["image"] != "3"]
    ious = [record["iou"] for record in others]
    assert counted["without_proposals"] == skipped["without_proposals"] == 3
    assert (counted["left_out"], skipped["left_out"]) == (0, 3)
    assert counted["figures"]["mIoU"]["value"] == pytest.approx(sum(ious) / 14, abs=1e-5)
    assert skipped["figures"]["mIoU"]["value"] == pytest.approx(sum(ious) / 11, abs=1e-5)
    seen = []
    Evaluation(squares, skips).run(folder, lambda done, tally: seen.append((done, tally.metrics())))
    assert [done for done, _ in seen] == [5]
    assert seen[0][1]["mIoU"] == pytest.approx(skipped["figures"]["mIoU"]["value"])
    assert "counts as IoU 0" in counted["rules"][0]
    assert "left out" in skipped["rules"][0]


def test_missing_images_stop_before_the_work(tmp_path, squares, guessing):
    squares.absent = {"11", "2"}
    with pytest.raises(ImageError, match=r"2 of 5 images are missing, the first: 11\.png"):
        Evaluation(squares, guessing()).run(tmp_path / "run")
    assert not (tmp_path / "run").exists()
    with pytest.raises(ImageError, match=r"11\.png.*`missing=skip`"):
        Evaluation(squares, guessing(), first=4).run(tmp_path / "run")
    assert len(records(tmp_path / "run")) == 5


def test_missing_images_are_left_out_and_told(tmp_path, squares, guessing, evaluated):
    squares.absent = {"11", "2"}
    system = guessing()
    with pytest.warns(RefmaskWarning, match=r"2 of 5 images cannot be read, the first: .*11"):
        folder = evaluated("run", squares, system, missing="skip")
    told = summary(folder)
    assert told["missing_images"] == {"count": 2, "ids": ["11", "2"]}
    assert (told["images"], told["expressions"]) == (3, 7)
    assert not hasattr(system, "asked")
    squares.absent = set(squares.ids)
    with pytest.raises(ImageError, match="5 of 5 images cannot be read"):
        Evaluation(squares, guessing(), missing="skip").run(tmp_path / "none")


@pytest.mark.filterwarnings("ignore::refmask.errors.RefmaskWarning")
def test_images_that_come_later_are_put_in_order(squares, guessing, evaluated):
    whole = evaluated("whole", squares, guessing())
    squares.absent = {"7", "11"}
    evaluated("late", squares, guessing(), missing="skip")
    squares.absent = set()
    late = evaluated("late", squares, guessing(), missing="skip")
    for name in ("samples.jsonl", "summary.json"):
        assert (late / name).read_bytes() == (whole / name).read_bytes()


def test_an_error_names_its_image(tmp_path, squares, guessing):
    @dataclass
    class Refusing(guessing):
        def answer(self, sample):
            if sample.id == "11":
                raise ExpressionError("expected at most 77 tokens")
            return super().answer(sample)

    with pytest.raises(ExpressionError, match="image 11: expected at most 77 tokens"):
        Evaluation(squares, Refusing()).run(tmp_path / "run")
    assert len(records(tmp_path / "run")) == 5


def test_answers_to_another_split_leave_no_summary(tmp_path, squares, guessing):
    @dataclass
    class Checking(guessing):
        def check_asked(self, queries):
            raise InputError(f"{len(list(queries))} others")

    with pytest.raises(InputError, match="14 others"):
        Evaluation(squares, Checking()).run(tmp_path / "run")
    assert not (tmp_path / "run" / "summary.json").exists()


@pytest.mark.parametrize(
    ("settings", "told"),
    [({"first": 0}, "give 1 or more"), ({"missing": "maybe"}, "'maybe'; choose stop or skip")],
)
def test_faulty_settings(squares, guessing, settings, told):
    with pytest.raises(ConfigurationError, match=told):
        Evaluation(squares, guessing(), **settings)


def test_a_data_set_without_expressions(squares, guessing):
    squares.queries = 0
    with pytest.raises(ConfigurationError, match="squares has no expressions"):
        Evaluation(squares, guessing())
