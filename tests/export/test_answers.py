"""Answers from scenes and from lines of JSON."""

import json
from pathlib import Path

import numpy as np
import pytest

from refmask import InputError, MaskError, MaskProposals, Segmentation, TargetPhrase, Why
from refmask.export import export
from refmask.export.answers import Answer, read_answers
from refmask.factory import assemble


@pytest.fixture
def fields(masks, origin):
    phrase = TargetPhrase("the disk", "the disk", "the disk", "disk")
    proposals = MaskProposals(np.stack([masks["disk"], masks["frame"]]))
    scores = np.array([2.0, 1.0], np.float32)
    given = Segmentation(proposals, scores, (0,), 0.9, Why(phrase, 1, 1.0), provenance=origin)
    return {"image": "photos/a.png", **given.to_dict()}


def test_a_record_holds_all_fields(fields, masks, origin):
    answer = Answer.read(json.loads(json.dumps(fields)))
    assert (answer.image, answer.height, answer.width) == ("photos/a.png", 60, 80)
    assert (answer.expression, answer.noun_phrase, answer.head) == ("the disk", "the disk", "disk")
    assert (answer.confidence, answer.unsure, answer.reason) == (0.9, False, None)
    assert answer.provenance == origin
    assert np.array_equal(answer.instances[0].mask, masks["disk"])
    ys, xs = np.nonzero(masks["disk"])
    (region,) = answer.instances
    assert region.box == (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)
    assert (region.area, region.score) == (masks["disk"].sum(), 2.0)


def test_a_scene_and_its_answer_say_the_same(
    golden_model, fixed_proposer, fixed_parser, noise, tmp_path
):
    segmenter = assemble(golden_model("tiny_vit32"), fixed_proposer, parser=fixed_parser)
    scene = segmenter.look(noise)
    given = scene.find("the red car")
    answer = Answer.of(Path("photos/a.png"), given)
    assert np.array_equal(answer.instances[0].mask, given.mask)
    assert (answer.expression, answer.head) == ("the red car", "car")
    assert answer.confidence == pytest.approx(given.confidence, abs=1e-4)
    assert len(export("coco", [answer], str(tmp_path / "out"))) == 2


def test_several_things_are_read_one_by_one(masks):
    two = TargetPhrase("both things", "both things", "both things", "things")
    proposals = MaskProposals(np.stack([masks["disk"], masks["frame"], ~masks["disk"]]))
    scores = np.array([1.0, 2.0, 0.0], np.float32)
    given = Segmentation(proposals, scores, (1, 0), 0.9, Why(two, 2, 1.0))
    fields = {"image": "a.png", **json.loads(json.dumps(given.to_dict()))}
    frame, disk = Answer.read(fields).instances
    assert np.array_equal(frame.mask, masks["frame"])
    assert np.array_equal(disk.mask, masks["disk"])
    assert (frame.score, disk.score) == (2.0, 1.0)
    del fields["instances"]  # as in records of older versions
    (whole,) = Answer.read(fields).instances
    assert np.array_equal(whole.mask, masks["disk"] | masks["frame"])


def test_what_is_absent_has_no_regions(masks, origin):
    zebra = TargetPhrase("the zebra", "the zebra", "the zebra", "zebra")
    proposals = MaskProposals(np.stack([masks["disk"], masks["frame"]]))
    why = Why(zebra, None, 0.0, note="nothing here looks like 'zebra'")
    given = Segmentation(proposals, np.zeros(2, np.float32), (), 0.0, why, provenance=origin)
    answer = Answer.read({"image": "a.png", **given.to_dict()})
    assert answer.instances == ()
    assert (answer.unsure, answer.reason) == (True, "nothing here looks like 'zebra'")


def test_lines(fields):
    lines = [json.dumps(fields), "\n", json.dumps({**fields, "expression": "another"}) + "\n"]
    assert [a.expression for a in read_answers(lines, "f")] == ["the disk", "another"]
    with pytest.raises(InputError, match=r"f holds no answers"):
        read_answers(["", "\n"], "f")


def change(fields, name, value):
    place, _, last = name.rpartition(".")
    target = fields
    for step in place.split(".") if place else ():
        target = target[step]
    target[last] = value


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("image", None, "'image'"),
        ("image", "", "'image'"),
        ("image", "photos/..", "'image'"),
        ("image", "a\0.png", "'image'"),
        ("expression", "half \ud800", "'expression'"),
        ("height", 10**6, "would take 80000000 pixels"),
        ("height", "60", "'height'"),
        ("width", 0, "'width'"),
        ("confidence", float("nan"), "'confidence'"),
        ("provenance", "embedded", "'provenance'"),
        ("provenance", {}, "'model'"),
        ("provenance.model", None, "'model'"),
        ("provenance.version", "half \ud800", "'version'"),
        ("provenance.weights", 3, "'weights'"),
        ("answer", "mask", "'answer'"),
        ("answer.box", [1, 2, 3], "'box'"),
        ("answer.score", None, "'score'"),
        ("answer.segmentation", [[1, 2]], "'segmentation'"),
        ("answer.segmentation.counts", [1, 2], "'segmentation'"),
        ("answer.segmentation.size", [80, 60], "height and width"),
        ("answer.segmentation.counts", "0", "damaged runs"),
    ],
)
def test_a_damaged_line_is_named_by_its_number(fields, name, value, message):
    good = json.dumps(fields)
    change(fields, name, value)
    with pytest.raises(InputError, match=rf"line 3 of f.*{message}|{message}.*line 3 of f"):
        read_answers([good, "", json.dumps(fields)], "f")


@pytest.mark.parametrize("line", ["{", "[1]", "null", "[" * 100_000, '{"image": "a"}'], ids=len)
def test_no_record_at_all(line):
    with pytest.raises(InputError, match=r"line 1 of f"):
        read_answers([line], "f")


def test_missing_fields_are_named(fields):
    del fields["height"]
    with pytest.raises(InputError, match=r"has no usable 'height'"):
        Answer.read(fields)


def test_a_confidence_without_meaning_is_null_with_a_reason(fields):
    answer = Answer.read(fields | {"confidence": None, "unsure": True, "reason": "blank image"})
    assert (answer.confidence, answer.reason, answer.score) == (None, "blank image", 0.0)
    assert answer.unsure


def test_records_of_older_versions_are_read(fields):
    for name in ("reason", "provenance"):
        del fields[name]
    answer = Answer.read(fields)
    assert (answer.unsure, answer.provenance) == (False, None)
    assert Answer.read(fields | {"unsure": True}).reason == "low confidence"
    nothing = Answer.read(fields | {"unsure": True, "confidence": 0.0, "answer": None})
    assert nothing.reason == "no regions"


def test_masks_of_another_size_are_mask_errors(fields):
    fields["height"] = 61
    with pytest.raises(MaskError, match=r"\[60, 80\], its image \[61, 80\]"):
        Answer.read(fields)
