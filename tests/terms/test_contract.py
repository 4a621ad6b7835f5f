"""What every term must do; a new name in TERMS is tested here by itself."""

import numpy as np
import pytest

from refmask import ConfigurationError
from refmask.reading import Cue, Reading, Relation
from refmask.terms import TERMS, evidence, load_term, noun_phrases, parse_terms
from refmask.terms.node import ImageEvidence
from refmask.types import MaskProposals, TargetPhrase

READINGS = {
    "place": Reading("thing", "thing", (Cue("place", "left"),)),
    "order": Reading("thing", "thing", (Cue("order", "left", 1),)),
    "size": Reading("thing", "thing", (Cue("size", "tall"),)),
    "depth": Reading("thing", "thing", (Cue("depth", "near"),)),
    "edge": Reading("thing", "thing", (Cue("alone"),)),
    "relation": Reading("thing", "thing", (), (Relation("near", Reading("dog", "dog")),)),
    "exclusion": Reading(
        "thing", "thing", excluded=(Reading("one", "one", (Cue("place", "left"),)),)
    ),
    "colour": Reading("thing", "red thing", attributes=("red",)),
}


def phrase(name=None):
    text = "the red thing" if name == "colour" else "the thing"
    return TargetPhrase(text, text, text, "thing", reading=READINGS.get(name, Reading("thing")))


def nouns(_):
    return np.array([0.2, 1.0, 0.5, 0.1])


@pytest.fixture(params=TERMS)
def name(request):
    return request.param


@pytest.fixture
def image(noise, fixed_proposer):
    return ImageEvidence(noise, fixed_proposer.propose(noise))


def test_permuting_proposals_permutes_the_evidence(name, noise, fixed_proposer, image):
    order = [2, 0, 3, 1]
    there = evidence({name: 1.0}, image, phrase(name), nouns)[name]
    moved = ImageEvidence(noise, fixed_proposer.propose(noise)[order])
    again = evidence({name: 1.0}, moved, phrase(name), lambda noun: nouns(noun)[order])[name]
    assert there.shape == (4,)
    assert np.isfinite(there).all()
    assert np.ptp(there) > 0.01
    assert np.allclose(there[order], again)


def test_a_phrase_that_says_nothing_of_it(name, image):
    assert evidence({name: 1.0}, image, phrase(), nouns) == {}


def test_weights(name, image):
    one, two = (evidence({name: weight}, image, phrase(name), nouns) for weight in (1.0, 2.0))
    assert np.allclose(2 * one[name], two[name])
    assert evidence({name: 0.0}, image, phrase(name), nouns) == {}


def test_what_is_denied_counts_the_other_way(image):
    for kind in ("place", "order", "size", "depth"):
        (cue,) = READINGS[kind].cues
        denied = Reading("thing", "thing", (Cue(cue.kind, cue.value, cue.rank, negated=True),))
        said = TargetPhrase("x", "x", "x", "thing", reading=denied)
        against = evidence({kind: 1.0}, image, said, nouns)[kind]
        assert np.allclose(against, -0.5 * evidence({kind: 1.0}, image, phrase(kind), nouns)[kind])


def test_nouns_are_asked_for_only_where_terms_need_them():
    weights = dict.fromkeys(TERMS, 1.0)
    needed = [noun.text for noun in noun_phrases(weights, phrase("relation"))]
    assert needed == ["thing", "dog"]
    assert list(noun_phrases(weights, phrase())) == []
    assert list(noun_phrases({"colour": 1.0}, phrase("relation"))) == []


def test_between_takes_many_proposals(noise):
    masks = np.zeros((100, 60, 80), np.bool_)
    for number, mask in enumerate(masks):
        mask[number % 10 * 6 : number % 10 * 6 + 6, number // 10 * 8 : number // 10 * 8 + 8] = True
    between = Reading("a", "a", (), (Relation("between", Reading("b", "b")),))
    said = TargetPhrase("x", "x", "x", "a", reading=between)
    scores = np.random.default_rng(0).random(100)
    image = ImageEvidence(noise, MaskProposals(masks))
    values = evidence({"relation": 1.0}, image, said, lambda _: scores)["relation"]
    assert values.shape == (100,)
    assert np.isfinite(values).all()
    assert np.ptp(values) > 0.1


def test_parsing():
    assert parse_terms("all") == dict.fromkeys(TERMS, 1.0)
    assert parse_terms("none") == {}
    assert parse_terms("colour") == {"colour": 1.0}
    assert parse_terms(" colour:weight=2.5 , place") == {"colour": 2.5, "place": 1.0}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("weather", "there is no term 'weather'; choose out of place, order"),
        ("colour:weight=-1", "W of at least 0, got 'colour:weight=-1'"),
        ("colour:weight=nan", "W of at least 0"),
        ("colour:heavy=2", "NAME:weight=W"),
    ],
)
def test_faulty_terms(text, told):
    with pytest.raises(ConfigurationError, match=told):
        parse_terms(text)


def test_terms_are_modules():
    assert all(callable(load_term(name)) for name in TERMS)
