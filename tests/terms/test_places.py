"""Terms of place among boxes whose right answer is plain to see."""

import numpy as np
import pytest

from refmask.reading import Cue, Reading, Relation
from refmask.terms import evidence
from refmask.terms.layout import Layout
from refmask.terms.node import ImageEvidence
from refmask.types import MaskProposals, TargetPhrase

WEIGHTS = dict.fromkeys(("place", "order", "size", "depth", "edge", "relation"), 1.0)


def best(reading, boxes, nouns=lambda _: None):
    """The box that the terms choose; boxes are XYXY in the unit square."""
    return int(totals(reading, boxes, nouns).argmax())


def totals(reading, boxes, nouns):
    """What all terms say together of each box."""
    nothing = np.zeros((1, 1, 3), np.uint8)
    layout = Layout(np.array(boxes, np.float64))
    image = ImageEvidence(nothing, MaskProposals.empty(1, 1), {Layout.of: layout})
    phrase = TargetPhrase("x", "x", "x", reading.noun, reading=reading)
    values = evidence(WEIGHTS, image, phrase, nouns)
    return np.sum(list(values.values()), axis=0)


ROW = [(x, 0.4, x + 0.15, 0.7) for x in (0.0, 0.2, 0.45, 0.8)]
DEEP = [(0.4, 0.1, 0.5, 0.3), (0.3, 0.3, 0.6, 0.9)]


@pytest.mark.parametrize(
    ("cue", "boxes", "chosen"),
    [
        (Cue("place", "left"), ROW, 0),
        (Cue("place", "right"), ROW, 3),
        (Cue("place", "middle"), ROW, 2),
        (Cue("place", "top"), DEEP, 0),
        (Cue("place", "bottom"), DEEP, 1),
        (Cue("order", "left", 0), ROW, 0),
        (Cue("order", "left", 1), ROW, 1),
        (Cue("order", "right", 1), ROW, 2),
        (Cue("order", "right", 2), ROW, 1),
        (Cue("order", "right", -1), ROW, 3),
        (Cue("order", "", 0), DEEP, 1),
        (Cue("depth", "near"), DEEP, 1),
        (Cue("depth", "far"), DEEP, 0),
        (Cue("size", "big"), DEEP, 1),
        (Cue("size", "small"), [(0.1, 0.1, 0.3, 0.9), (0.6, 0.7, 0.7, 0.9)], 1),
        (Cue("edge", "edge"), [(0.4, 0.4, 0.6, 0.6), (0.7, 0.4, 1.0, 0.6)], 1),
        (Cue("alone"), [(0.0, 0.1, 0.1, 0.3), (0.1, 0.1, 0.2, 0.3), (0.8, 0.1, 0.9, 0.3)], 2),
    ],
)
def test_cues(cue, boxes, chosen):
    assert best(Reading("thing", "thing", (cue,)), boxes) == chosen


def test_places_work_together():
    boxes = [(x, y, x + 0.2, y + 0.2) for y in (0.0, 0.4, 0.8) for x in (0.0, 0.4, 0.8)]
    cues = {
        ("top", "right"): 2,
        ("bottom", "left"): 6,
        ("middle", "left"): 3,
        ("top", "middle"): 1,
    }
    for (one, other), chosen in cues.items():
        assert best(Reading("a", "a", (Cue("place", one), Cue("place", other))), boxes) == chosen


RELATIONS = {
    "near": [(0.3, 0.4, 0.4, 0.6), (0.0, 0.4, 0.1, 0.6)],
    "left": [(0.3, 0.4, 0.4, 0.6), (0.6, 0.4, 0.7, 0.6)],
    "right": [(0.6, 0.4, 0.7, 0.6), (0.3, 0.4, 0.4, 0.6)],
    "above": [(0.45, 0.2, 0.55, 0.4), (0.45, 0.6, 0.55, 0.8)],
    "below": [(0.45, 0.6, 0.55, 0.8), (0.45, 0.2, 0.55, 0.4)],
    "behind": [(0.55, 0.3, 0.65, 0.5), (0.35, 0.5, 0.45, 0.9)],
    "front": [(0.35, 0.5, 0.45, 0.9), (0.55, 0.3, 0.65, 0.5)],
    "on": [(0.47, 0.3, 0.53, 0.45), (0.8, 0.3, 0.86, 0.45)],
    "in": [(0.46, 0.46, 0.54, 0.54), (0.8, 0.46, 0.88, 0.54)],
    "has": [(0.42, 0.42, 0.5, 0.5), (0.7, 0.42, 0.8, 0.5)],
    "far": [(0.9, 0.9, 1.0, 1.0), (0.35, 0.4, 0.4, 0.6)],
}


@pytest.mark.parametrize("name", RELATIONS)
def test_relations(name):
    right, wrong = RELATIONS[name]
    boxes = [wrong, (0.4, 0.4, 0.6, 0.6), right]  # the landmark in the middle

    def nouns(phrase):
        return np.array([0.0, 1.0, 0.0] if phrase.head == "dog" else [1.0, 0.0, 1.0])

    reading = Reading("cat", "cat", (), (Relation(name, Reading("dog", "dog")),))
    denied = Reading("cat", "cat", (), (Relation(name, Reading("dog", "dog"), negated=True),))
    # The landmark itself would be kept out by the noun.
    assert np.array(totals(reading, boxes, nouns))[[0, 2]].argmax() == 1
    assert np.array(totals(denied, boxes, nouns))[[0, 2]].argmax() == 0


def test_between_two_landmarks():
    boxes = [(0.0, 0.4, 0.1, 0.6), (0.3, 0.4, 0.4, 0.6), (0.6, 0.4, 0.7, 0.6), (0.9, 0.4, 1, 0.6)]

    def nouns(phrase):
        return np.array([1.0, 0, 1.0, 0] if phrase.head == "dog" else [0, 1.0, 0, 1.0])

    reading = Reading("cat", "cat", (), (Relation("between", Reading("dog", "dog")),))
    assert best(reading, boxes, nouns) == 1


def test_a_landmark_s_own_place_counts():
    boxes = [(x, 0.4, x + 0.08, 0.6) for x in (0.1, 0.2, 0.7, 0.8)]  # cat, dog, cat, dog

    def nouns(phrase):
        return np.array([0, 1.0, 0, 1.0] if phrase.head == "dog" else [1.0, 0, 1.0, 0])

    for value, chosen in (("left", 0), ("right", 2)):
        dog = Reading("dog", "dog", (Cue("place", value),))
        assert best(Reading("cat", "cat", (), (Relation("near", dog),)), boxes, nouns) == chosen


def test_a_landmark_that_nobody_knows_says_where_the_target_is():
    door = Reading("door", "door", (Cue("place", "right"),))
    assert best(Reading("cat", "cat", (), (Relation("near", door),)), ROW) == 3


def test_the_other_one_is_of_the_target_s_kind():
    boxes = [*ROW, (0.62, 0.4, 0.77, 0.7)]

    def nouns(phrase):
        assert phrase.head == "cat"
        return np.array([1.0, 1.0, 1.0, 0.0, 0.0])

    one = Reading("one", "one", (Cue("place", "left"),))
    assert best(Reading("cat", "cat", (), (Relation("right", one),)), boxes, nouns) == 1


def rows_of_parts():
    """Three things in a row; the first also as its left half, the last two also as one."""
    masks = np.zeros((5, 60, 90), np.bool_)
    masks[0, 20:40, 0:10] = True  # the left half
    masks[1, 20:40, 0:20] = masks[2, 20:40, 30:50] = masks[3, 20:40, 65:85] = True
    masks[4, 20:40, 30:85] = masks[2, 20:40, 30:85] | masks[3, 20:40, 30:85]
    return MaskProposals(masks)


def test_parts_and_unions_are_no_things_of_their_own():
    image = ImageEvidence(np.zeros((60, 90, 3), np.uint8), rows_of_parts())
    scores = np.array([0.5, 1.0, 0.9, 0.9, 0.4])

    def values(*cues):
        phrase = TargetPhrase("x", "x", "x", "a", reading=Reading("a", "a", cues))
        return np.sum(list(evidence(WEIGHTS, image, phrase, lambda _: scores).values()), axis=0)

    left = values(Cue("place", "left"))
    assert left[0] == left[1]  # the half does not gain by lying further left
    second, third = values(Cue("order", "left", 1)), values(Cue("order", "left", 2))
    assert second.argmax() in (2, 4)
    assert second[4] == second[2]  # the union stands where its better part does
    assert third.argmax() == 3


def test_a_layout_counts_every_thing_once():
    layout = Layout.of(np.zeros((60, 90, 3), np.uint8), rows_of_parts())
    assert layout.things(np.array([0.5, 1.0, 0.9, 0.8, 0.4])).tolist() == [1, 1, 2, 3, 2]
    assert repr(layout) == "<Layout of 5 boxes>"


def test_what_is_excluded_is_not_chosen():
    left = Reading("one", "one", (Cue("place", "left"),))
    weights = WEIGHTS | {"exclusion": 1.0}
    layout = Layout(np.array(ROW, np.float64))
    image = ImageEvidence(
        np.zeros((1, 1, 3), np.uint8), MaskProposals.empty(1, 1), {Layout.of: layout}
    )
    mug = Reading("mug", "mug", excluded=(left,))
    phrase = TargetPhrase("x", "x", "x", "mug", reading=mug)
    told = evidence(weights, image, phrase, lambda _: np.ones(4))["exclusion"]
    assert told.argmin() == 0
    assert told[0] < -3 < -0.1 < told[3]
    assert "exclusion" not in evidence(WEIGHTS, image, phrase, lambda _: np.ones(4))


def test_another_thing_is_excluded_by_its_own_noun():
    shown = {"mug": np.array([1.0, 1.0, 0.1, 0.1]), "cup": np.array([0.1, 1.0, 0.1, 0.1])}
    reading = Reading("mug", "mug", excluded=(Reading("cup", "cup"),))
    layout = Layout(np.array(ROW, np.float64))
    image = ImageEvidence(
        np.zeros((1, 1, 3), np.uint8), MaskProposals.empty(1, 1), {Layout.of: layout}
    )
    phrase = TargetPhrase("x", "x", "x", "mug", reading=reading)
    told = evidence({"exclusion": 1.0}, image, phrase, lambda noun: shown[noun.head])["exclusion"]
    assert told.argmin() == 1
