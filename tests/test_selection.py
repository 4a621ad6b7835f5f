"""One thing, several or none: from evidence to an answer."""

from dataclasses import replace

import numpy as np
import pytest

import refmask
from refmask import TargetPhrase
from refmask.errors import ConfigurationError
from refmask.reading import Cue, Reading, Relation
from refmask.selection import (
    COMMON,
    ONE,
    Calibration,
    Evidence,
    Rules,
    class_phrase,
    count_things,
    joined,
    parts_of,
    select,
    shortfall,
)
from refmask.terms import parse_terms

EVERY = parse_terms("all")
APART = np.eye(4, dtype=np.bool_)


def phrase(text="the dog", **reading):
    """A phrase about dogs."""
    given = Reading(**{"noun": "dog", "phrase": "dog", **reading})
    return TargetPhrase(text, text, text, "dog", given)


def known(count=1, scores=(4, 3, 2, 1), shown=(0.9, 0.8, 0.7, 0.1), terms=None, **fields):
    """Evidence about four proposals."""
    own = np.array(scores, np.float32)
    likely = None if shown is None else np.array(shown, np.float32)
    told = {"similarity": own, **(terms or {})}
    total = np.sum([*told.values()], axis=0)
    return Evidence(phrase(count=count, **fields), total, total, own, told, likely)


def chosen(evidence, rules=None, same=APART):
    return select(rules or Rules(), evidence, lambda: same)


def test_one_thing_is_the_best():
    assert chosen(known()) == (0,)
    assert chosen(known(scores=(1, 5, 2, 1))) == (1,)


def test_nothing_is_chosen_where_nothing_looks_like_the_noun():
    absent = known(shown=(0.4, 0.3, 0.1, 0.1))
    assert chosen(absent) == ()
    assert chosen(absent, ONE) == (0,)
    assert chosen(known(shown=None)) == (0,)
    assert shortfall(Rules(), [absent], [()]) == "nothing here looks like 'dog'"
    assert shortfall(ONE, [absent], [(0,)]) == "nothing here looks like 'dog'"


def test_a_guess_rules_nothing_out():
    guess = replace(known(shown=(0.4, 0.3, 0.1, 0.1)), calibrated=False)
    assert chosen(guess) == (0,)
    assert shortfall(Rules(), [guess], [(0,)]) is None


def test_so_many_are_chosen_as_are_asked_for_each_thing_once():
    assert chosen(known(count=2)) == (0, 1)
    twice = APART.copy()
    twice[0, 1] = twice[1, 0] = True
    assert chosen(known(count=2), same=twice) == (0, 2)
    assert chosen(known(count=2), ONE) == (0,)


def test_fewer_are_chosen_where_there_are_fewer_and_the_answer_says_so():
    three = known(count=4)
    assert chosen(three) == (0, 1, 2)
    assert shortfall(Rules(), [three], [(0, 1, 2)]) == "4 are asked for, 3 found"
    assert shortfall(Rules(), [known(count=3)], [(0, 1, 2)]) is None
    assert (
        shortfall(ONE, [known(count=3)], [(0,)]) == "it asks for several things, and one is given"
    )


def test_all_are_chosen_that_are_of_the_kind_and_fit_what_is_said():
    assert chosen(known(count=None)) == (0, 1, 2)
    assert chosen(known(count=1), Rules(every=True)) == (0, 1, 2)
    place = {"place": np.array([0.0, -9.0, 0.0, 0.0])}
    assert chosen(known(count=None, terms=place)) == (0, 2)
    assert chosen(known(count=None, scores=(9, 8, 1, 1))) == (0, 1)


def test_things_of_the_kind_are_counted():
    assert count_things(known(), lambda: APART) == 3
    assert count_things(known(shown=(0.1,) * 4), lambda: APART) == 0
    assert count_things(known(shown=None), lambda: APART) is None


def test_joined_things_are_asked_for_one_by_one():
    cup = Reading("cup", "blue cup", attributes=("blue",))
    both = phrase("the dog and the blue cup", joined=(cup,))
    texts = [part.text for part in parts_of(both, Rules(), EVERY)]
    assert texts == ["dog", "blue cup"]
    assert parts_of(both, ONE, {}) == [both]
    whole = joined(both, [known(scores=(4, 0, 0, 0)), known(scores=(0, 0, 5, 0))])
    assert whole.scores.tolist() == [4, 0, 5, 0]
    assert whole.phrase is both


@pytest.mark.parametrize(
    ("reading", "texts"),
    [
        ({"cues": (Cue("place", "left"),)}, ["dog"]),
        ({"relations": (Relation("left", Reading("cup", "cup")),)}, ["dog"]),
        ({"relations": (Relation("on", Reading("rug", "red rug")),)}, ["the dog"]),
        ({"excluded": (Reading("", "", attributes=("red",)),)}, ["dog"]),
        ({"count": 2, "noun": "dogs", "phrase": "dogs"}, ["dog"]),
        ({"attributes": ("red",)}, ["the dog"]),
    ],
)
def test_words_that_no_text_encoder_understands_are_left_out(reading, texts):
    asked = phrase(**reading)
    parts = parts_of(asked, Rules(), EVERY)
    assert [part.text for part in parts] == texts
    assert all(part.expression == asked.expression for part in parts)


@pytest.mark.parametrize("terms", ["none", "colour", "size", "order,colour"])
def test_words_of_place_stay_where_no_term_weighs_them(terms):
    asked = phrase(cues=(Cue("place", "left"), Cue("size", "big")))
    assert parts_of(asked, Rules(), parse_terms(terms)) == [asked]
    assert parts_of(asked, Rules(), parse_terms("place,size")) != [asked]


def test_the_kind_of_a_phrase_is_without_its_colour_and_in_the_singular():
    red = Reading("buses", "red buses", attributes=("red",), count=None)
    asked = TargetPhrase("the red buses", "the red buses", "the red buses", "buses", red)
    assert class_phrase(asked).text == "the bus"
    assert class_phrase(phrase(noun="", phrase="", cues=(Cue("place", "left"),))) is None
    assert class_phrase(TargetPhrase("a Cat", "a Cat", "a Cat", "Cat")).text == "the cat"
    assert class_phrase(phrase(noun="thing", phrase="big thing")) is None


def test_a_calibration_is_read_from_a_card_and_written_in_short():
    card = {"similarity": 2.0, "bias": -3, "fitted": "here", "more": 1}
    made = Calibration.from_dict(card)
    assert (made.similarity, made.contrast, made.bias) == (2.0, 1.0, -3)
    assert str(made) == "1/2/1/-3"


def test_common_nouns_are_distinct():
    assert len(set(COMMON)) == len(COMMON) > 90


def test_unknown_answers_are_refused():
    with pytest.raises(ConfigurationError, match="answers are auto, one, all, not 'two'"):
        refmask.load("embedded", answers="two")
