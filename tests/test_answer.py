"""When an answer is unsure, and what it says of itself."""

import dataclasses
import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest

import refmask
from refmask import MaskProposals, Segmentation, TargetPhrase, Why
from refmask.answer import verdict
from refmask.factory import assemble
from refmask.methods import load_method
from refmask.methods.global_local import GlobalLocal
from refmask.ops import rle
from refmask.segmenter import Segmenter

PHRASE = TargetPhrase("the red car", "the red car", "the red car", "car")
ORIGIN = refmask.Provenance("offline", None, "grouping", "global", "1.2", "offline preview: no")
SCHEMA = Path(__file__).parent.parent / "docs" / "answer.schema.json"


def made(chosen=(0,), share=0.9, runner_up=1, **why):
    """An answer in an image of 3 x 4 pixels."""
    scores = np.array([2.0, 1.0], np.float32)
    masks = MaskProposals(np.stack([np.ones((3, 4), np.bool_), np.eye(3, 4, dtype=np.bool_)]))
    return Segmentation(masks, scores, chosen, share, Why(PHRASE, runner_up, 1.0, **why))


@pytest.mark.parametrize(
    ("answer", "confidence", "reason", "words"),
    [
        (made(), 0.9, None, "confidence 90%"),
        (made(share=0.5), 0.5, None, "confidence 50%"),
        (made(share=0.9999), 0.9999, None, "confidence 99%"),
        (made(share=0.4), 0.4, "low confidence", "confidence 40%, UNSURE"),
        (made(runner_up=None), None, "one region only", "UNSURE: one region only"),
        (made(chosen=(), share=0.0, note="no gnu"), None, "no gnu", "none: no gnu"),
        (made(chosen=(), runner_up=None), None, "nothing fits", "none: nothing fits"),
        (made(note="blank image"), None, "blank image", "UNSURE: blank image"),
        (made(note="blank image", runner_up=None), None, "blank image", "UNSURE: blank image"),
        (made(note="what is a gnu?"), None, "what is a gnu?", "UNSURE: what is a gnu?"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_confidence_is_told_only_where_it_means_something(answer, confidence, reason, words):
    assert (answer.confidence, answer.reason, answer.verdict) == (confidence, reason, words)
    assert answer.unsure == (reason is not None)
    assert "100%" not in repr(answer)


def test_an_answer_tells_where_it_is_and_what_else_it_could_be():
    answer = made(chosen=(1,), runner_up=0)
    assert answer.mask.tolist() == np.eye(3, 4, dtype=bool).tolist()
    assert (answer.area, answer.box.tolist()) == (3, [0, 0, 3, 3])
    first, second = answer.top(9)
    assert (first.proposal, first.area, first.score) == (0, 12, 2)
    assert (second.proposal, second.box.tolist()) == (1, [0, 0, 3, 3])
    assert first.probability + second.probability == pytest.approx(1)
    assert answer.top(1)[0].proposal == 0
    assert answer.top(0) == []
    assert answer.runner_up.proposal == 0
    assert repr(first) == "<Candidate 0: score 2, 12 pixels>"
    unsure = made(note="blank image")
    assert unsure.top(1)[0].probability is None
    nothing = made(chosen=())
    assert (nothing.area, nothing.box, nothing.mask.any()) == (0, None, False)


def test_several_things_are_one_mask_and_one_by_one():
    answer = made(chosen=(1, 0), runner_up=None)
    assert (answer.best, answer.absent) == (1, False)
    assert [one.proposal for one in answer.instances] == [1, 0]
    assert (answer.area, answer.box.tolist()) == (12, [0, 0, 4, 3])
    fields = answer.to_dict()
    assert fields["answer"] | {"segmentation": None} == fields["instances"][0] | {
        "box": [0, 0, 4, 3],
        "area": 12,
        "segmentation": None,
    }
    assert rle.decode(fields["answer"]["segmentation"]).all()
    assert [one["area"] for one in fields["instances"]] == [3, 12]
    with pytest.raises(ValueError, match="read-only"):
        answer.mask[:] = False


def test_nothing_chosen_out_of_some_is_absent():
    answer = made(chosen=(), runner_up=None, note="no gnu")
    assert (answer.absent, answer.best, answer.instances) == (True, None, [])
    assert answer.top(1)[0].proposal == 0
    fields = answer.to_dict(top=1)
    assert (fields["absent"], fields["answer"], fields["instances"]) == (True, None, [])
    assert len(fields["candidates"]) == 1
    assert not made().absent


def test_an_answer_as_json_has_its_masks_as_runs():
    fields = made(chosen=(1,), runner_up=0).to_dict(top=2)
    assert [candidate["proposal"] for candidate in fields["candidates"]] == [0, 1]
    assert fields["answer"] == fields["candidates"][1]
    assert fields["runner_up"] == fields["candidates"][0]
    assert (fields["height"], fields["width"], fields["proposals"]) == (3, 4, 2)
    decoded = rle.decode(fields["answer"]["segmentation"])
    assert decoded.tolist() == np.eye(3, 4, dtype=bool).tolist()
    assert fields["answer"]["score"] == 1
    assert fields["answer"]["probability"] == 0.2689


@pytest.mark.parametrize(
    "answer",
    [
        made(),
        made(chosen=(), share=0.0, runner_up=None),
        made(chosen=(1, 0)),
        made(note="blank image"),
        dataclasses.replace(made(), expected_iou=np.array([0.4, 0.3], np.float32)),
        dataclasses.replace(made(), provenance=ORIGIN),
    ],
)
def test_the_schema_in_the_docs_describes_answers(answer):
    schema = json.loads(SCHEMA.read_bytes())
    fields = json.loads(json.dumps(answer.to_dict(top=2)))
    assert set(fields) == set(schema["properties"]) == set(schema["required"])
    jsonschema.validate(fields, schema)
    fields["answer"] = {"proposal": "first"}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(fields, schema)


def test_nothing_known_is_nothing_said():
    assert verdict(None, None) == ""


def test_an_answer_says_itself_on_one_line_without_arrays():
    assert repr(made()) == "<Segmentation 'the red car': confidence 90%, 12 of 4x3 pixels>"
    told = repr(dataclasses.replace(made(), provenance=ORIGIN))
    assert told.endswith("confidence 90%, 12 of 4x3 pixels, by offline preview>")
    assert "array" not in repr(made().why)


# As scenes answer.


@dataclasses.dataclass(frozen=True, eq=False)
class WordList(GlobalLocal):
    """Knows cars, and nothing else."""

    def unknown(self, phrases):
        return [None if one.head == "car" else f"{one.head!r} is not known" for one in phrases]


@pytest.fixture
def clip(golden_model):
    return golden_model("tiny_vit32")


@pytest.fixture
def segmenter(clip, fixed_proposer, fixed_parser):
    return assemble(clip, fixed_proposer, parser=fixed_parser)


def test_a_method_tells_which_phrases_it_knows(clip, fixed_proposer, fixed_parser, noise):
    plain = load_method("global-local", clip)
    listing = WordList(clip)
    car, gnu = fixed_parser(["the red car", "the gnu"])
    assert plain.unknown([car, gnu]) == [None, None]
    assert listing.unknown([car, gnu]) == [None, "'gnu' is not known"]
    scene = Segmenter(fixed_proposer, listing, fixed_parser).look(noise)
    car, gnu = scene.find(["the red car", "the gnu"])
    assert car.why.note is None
    assert car.confidence == car.share
    assert (gnu.why.note, gnu.confidence) == ("'gnu' is not known", None)
    assert gnu.unsure
    assert gnu.best is not None  # a guess all the same


@pytest.mark.parametrize("noisy", [False, True])
def test_a_blank_image_is_unsure(segmenter, noisy):
    image = np.full((60, 80, 3), (90, 40, 200), np.uint8)
    if noisy:
        image += np.random.default_rng(0).integers(0, 5, image.shape, np.uint8)
    answer = segmenter.look(image).find("the red car")
    assert (answer.confidence, answer.reason) == (None, "blank image")
    image[59, 79] = 0  # the last pixel is another thing
    assert segmenter.look(image).find("the red car").confidence is not None


def test_one_region_however_often_it_is_drawn_is_unsure(segmenter, noise):
    masks = np.zeros((2, 60, 80), np.bool_)
    masks[0, 10:30, 10:30] = masks[1, 10:31, 10:30] = True
    for some in (masks[:1], masks):
        answer = segmenter.look(noise, MaskProposals(some)).find("the red car")
        assert (answer.confidence, answer.reason) == (None, "one region only")
        assert answer.share == pytest.approx(1)


def test_proposals_are_ordered_by_what_decides():
    answer = dataclasses.replace(made(), scores=np.array([3, 5, 1, 4], np.float32), chosen=(1,))
    assert (answer.order, answer.measure) == ([1, 3, 0, 2], "score")
    expected = np.array([0.4, 0.3, 0.1, 0.2], np.float32)
    agreed = dataclasses.replace(answer, chosen=(0,), expected_iou=expected)
    assert (agreed.order, agreed.measure) == ([0, 1, 3, 2], "expected IoU")
    assert agreed.standing is expected
    nothing = dataclasses.replace(made(chosen=()), scores=np.empty(0, np.float32))
    assert nothing.order == []
    assert len(nothing.probabilities) == 0
    assert np.allclose(answer.probabilities.sum(), 1)


def test_candidates_begin_with_the_answer_that_a_consensus_chose(clip, fixed_parser, noise):
    masks = np.zeros((4, 60, 80), np.bool_)
    masks[0, :30] = True
    for number, width in ((1, 40), (2, 42), (3, 44)):  # drawings of one thing
        masks[number, 30:, :width] = True
    scores = np.array([1.0, 0.5, 0.6, 0.5], np.float32)

    class Told(GlobalLocal):
        def score(self, *given):
            return np.stack([scores for _ in given[1]])

    segmenter = dataclasses.replace(Segmenter(None, Told(clip), fixed_parser), consensus=True)
    scene = segmenter.look(noise, MaskProposals(masks))
    answer = scene.find("the red car")
    assert answer.best == 2
    assert scene.drawings_of(2).tolist() == [False, True, True, True]
    assert answer.why.runner_up == 0
    assert answer.why.margin > 0
    told = answer.to_dict(top=4)
    assert told["candidates"][0]["proposal"] == 2
    # Its score is lower than the runner-up's; by what decides it leads, and by that much.
    best, other = told["answer"], told["runner_up"]
    assert best["score"] < other["score"]
    assert best["expected_iou"] - other["expected_iou"] == pytest.approx(told["margin"], abs=2e-4)
    shares = [one["expected_iou"] for one in told["candidates"]]
    assert shares == sorted(shares, reverse=True)
    assert 0 < shares[-1] < shares[0] < 1
    plain = dataclasses.replace(segmenter, consensus=False).look(noise, MaskProposals(masks))
    by_score = plain.find("the red car")
    assert (by_score.best, by_score.expected_iou) == (0, None)
    assert by_score.to_dict()["answer"]["expected_iou"] is None
