"""One thing, several or none, asked about the shipped scenes among their own masks."""

from dataclasses import replace

import pytest

import refmask
from refmask import Refinement
from refmask.evaluation.sources import Instances
from refmask.selection import ONE, RULES


@pytest.fixture(scope="module")
def samples():
    dataset = refmask.load_dataset("gscenes", "all")
    return {number: dataset.sample(number) for number in dataset.ids[:6]}


@pytest.fixture(scope="module")
def segmenter():
    return refmask.load("embedded")


@pytest.fixture(scope="module")
def scenes(samples, segmenter):
    masks = Instances(Refinement())
    return {
        number: segmenter.look(sample.image, masks.propose(sample))
        for number, sample in samples.items()
    }


def right_by_kind(samples, scenes):
    """For each kind whether each query is answered by exactly its targets."""
    found = {}
    for number, sample in samples.items():
        answers = scenes[number].find([query.expression for query in sample.queries])
        for query, answer in zip(sample.queries, answers, strict=True):
            found.setdefault(query.kind, []).append(sorted(answer.chosen) == sorted(query.targets))
    return found


def test_scenes_answer_one_thing_several_or_none(samples, scenes):
    found = right_by_kind(samples, scenes)
    kinds = ("plural", "negation", "order", "position", "absent-class", "absent-attribute")
    for kind in kinds:
        assert sum(found[kind]) >= 0.75 * len(found[kind]), (kind, found[kind])


def test_an_absent_thing_has_no_mask_and_says_why(scenes):
    scene = next(iter(scenes.values()))
    answer = scene.find("the zebra")
    assert (answer.absent, answer.unsure, answer.box) == (True, True, None)
    assert not answer.mask.any()
    assert answer.verdict == "none: nothing here looks like 'zebra'"
    assert answer.confidence is None
    assert answer.top(1)[0].area > 0


def test_always_one_gives_the_best_guess_and_is_unsure(scenes, segmenter):
    scene = replace(next(iter(scenes.values())), segmenter=replace(segmenter, rules=ONE))
    answer = scene.find("the zebra")
    assert len(answer.chosen) == 1
    assert (answer.confidence, answer.reason) == (None, "nothing here looks like 'zebra'")


def test_all_takes_every_match_of_a_phrase_in_the_singular(samples, scenes, segmenter):
    every = replace(segmenter, rules=RULES["all"])
    checked = 0
    for number, sample in samples.items():
        for query in sample.queries:
            if query.kind == "plural" and query.expression.startswith("all the "):
                noun = query.expression.removeprefix("all the ").removesuffix("s")
                scene = replace(scenes[number], segmenter=every)
                assert set(scene.find(f"the {noun}").chosen) == set(query.targets)
                checked += 1
    assert checked


def test_what_an_answer_depends_on_is_told(segmenter):
    assert segmenter.choice["answers"] == "auto"
    assert segmenter.choice["terms"] == "all"
    assert "answers" not in replace(segmenter, rules=ONE).choice
    reference = refmask.load("embedded", compat="reference")
    assert (reference.rules, reference.calibration, dict(reference.terms)) == (ONE, None, {})
