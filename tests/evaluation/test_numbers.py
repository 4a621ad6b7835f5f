"""Evaluation where expressions refer to one thing, to several or to none."""

import json
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from refmask.compat import Compat
from refmask.data import load_dataset
from refmask.evaluation.comparing import compare_runs, read_run
from refmask.evaluation.evaluate import Evaluation
from refmask.evaluation.scoring import read_predictions
from refmask.evaluation.sources import Instances
from refmask.evaluation.system import SegmenterSystem
from refmask.methods import load_method
from refmask.ops import rle
from refmask.proposals.refine import Refinement
from refmask.segmenter import Segmenter
from refmask.text.parser import PhraseParser

NUMBER_METRICS = {"N-acc", "T-acc", "gIoU", "cIoU", "target Pr@0.7", "instance F1"}


@dataclass
class Told:
    """A scene that answers its queries by the proposals it is told, whatever their scores."""

    scene: object
    chosen: list

    def __getattr__(self, name):
        return getattr(self.scene, name)

    def find_phrases(self, phrases, *, afresh=False):
        answers = self.scene.find_phrases(phrases, afresh=afresh)
        return [replace(a, chosen=c) for a, c in zip(answers, self.chosen, strict=True)]


@dataclass
class Telling:
    """A segmenter whose answers to images are told: a function from a query to proposals."""

    segmenter: Segmenter
    sample: object
    rule: object = field(default=lambda query: query.targets)

    def __getattr__(self, name):
        return getattr(self.segmenter, name)

    def look(self, image, proposals):
        chosen = [self.rule(query) for query in self.sample.queries]
        return Told(self.segmenter.look(image, proposals), chosen)


@pytest.fixture(scope="module")
def dataset():
    return load_dataset("gscenes", "val")


@pytest.fixture(scope="module")
def sample(dataset):
    """With two objects of a class, so that there are expressions about both, and about neither."""
    samples = map(dataset.sample, dataset.ids)
    return next(s for s in samples if {len(q.targets) for q in s.queries} == {0, 1, 2})


@pytest.fixture
def records(golden_model, fixed_proposer, sample):
    method = load_method("global-local", golden_model("tiny_vit32"))
    segmenter = Segmenter(fixed_proposer, method, PhraseParser())

    def run(rule=lambda query: query.targets):
        telling = Telling(segmenter, sample, rule)
        return SegmenterSystem(telling, Instances(Refinement())).answer(sample)

    return run


def test_records_tell_what_was_there_and_what_was_answered(records, sample):
    for record, query in zip(records(), sample.queries, strict=True):
        assert record["targets"] == record["answers"] == record["matched"] == len(query.targets)
        assert record["instances"] == list(query.targets)
        assert record["chosen"] == (query.targets[0] if query.targets else None)
        assert record["absent"] == (not query.targets)
        assert record["target_ious"] == [1] * len(query.targets)
        assert record["iou"] == 1
        assert np.array_equal(rle.decode(record["mask"]), query.target)
        assert record["best_union"] == record["best_intersection"] == query.target.sum()
    assert json.loads(json.dumps(records())) == records()


def test_one_of_two_is_half_an_answer(records, sample):
    for record, query in zip(records(lambda _: (0,)), sample.queries, strict=True):
        assert (record["answers"], record["absent"]) == (1, False)
        if not query.targets:
            assert (record["iou"], record["matched"]) == (0, 0)
            assert record["union"] == sample.instances.masks[0].sum()
        if query.targets == (0, 1):
            assert record["matched"] == 1
            assert sorted(record["target_ious"]) == [0, 1]


@pytest.fixture
def score(tmp_path, dataset):
    """Scores masks by query, in a folder by name."""

    def run(name, mask_of):
        told = {
            query.id: rle.encode(mask_of(query))
            for image in dataset.ids
            for query in dataset.sample(image).queries
        }
        (tmp_path / f"{name}.json").write_text(json.dumps(told))
        system = read_predictions(tmp_path / f"{name}.json", Compat())
        summary = Evaluation(dataset, system).run(tmp_path / name)
        return {name: figure["value"] for name, figure in summary["figures"].items()}, summary

    return run


def test_empty_masks_are_no_answers(score):
    figures, summary = score("right", lambda query: query.target)
    # Which thing of a mask is which is unknown.
    assert {*figures} >= NUMBER_METRICS - {"instance F1"}
    assert {figures[name] for name in NUMBER_METRICS if name in figures} == {1}
    assert "instance F1" not in figures
    assert figures["mIoU"] < 1
    assert any("about nothing" in rule for rule in summary["rules"])
    assert {"N-acc"} < {*summary["by_kind"]["absent-class"]["figures"]}
    figures, _ = score("nothing", lambda query: np.zeros_like(query.target))
    assert (figures["N-acc"], figures["T-acc"], figures["cIoU"]) == (1, 0, 0)
    figures, _ = score("all", lambda query: np.ones_like(query.target))
    assert (figures["N-acc"], figures["T-acc"]) == (0, 1)


def test_runs_with_and_without_these_fields_are_compared(score, tmp_path):
    score("right", lambda query: query.target)
    score("all", lambda query: np.ones_like(query.target))
    found = compare_runs(read_run(tmp_path / "all"), read_run(tmp_path / "right"))
    assert found.figures["N-acc"] == (0, 1)
    assert found.gains["gIoU"].gain > 0.5
    # No answer where nothing is asked for is a change for the better.
    better = {change.first["kind"] for change in found.changes if change.turn}
    assert better >= {"absent-class", "absent-attribute"}
    path = tmp_path / "all" / "samples.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        for name in ("targets", "answers", "matched"):
            del line[name]
        line["kind"] = None
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = compare_runs(read_run(tmp_path / "all"), read_run(tmp_path / "right"))
    assert "oIoU" in found.figures
    assert not NUMBER_METRICS & {*found.figures}


def test_other_data_sets_have_no_such_fields_and_figures(tmp_path, squares, guessing):
    summary = Evaluation(squares, guessing()).run(tmp_path / "run")
    assert not NUMBER_METRICS & {*summary["figures"]}
    assert not any("nothing" in rule for rule in summary["rules"])
    records = (tmp_path / "run" / "samples.jsonl").read_text()
    assert "targets" not in records
