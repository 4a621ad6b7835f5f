"""What every term must do; a new line in TERMS is tested here by itself."""

import numpy as np
import pytest

from refmask import ConfigurationError
from refmask.terms import TERMS, evidence, load_term, parse_terms
from refmask.types import MaskProposals, TargetPhrase

PHRASES = {"colour": "the red thing"}


def phrase(text):
    return TargetPhrase(text, text, text, "thing")


@pytest.fixture(params=list(TERMS))
def name(request):
    return request.param


def test_permuting_proposals_permutes_the_evidence(name, noise, fixed_proposer):
    term, proposals, order = load_term(name), fixed_proposer.propose(noise), [2, 0, 3, 1]
    told = term.score(term.encode_image(noise, proposals), phrase(PHRASES[name]))
    again = term.score(term.encode_image(noise, proposals[order]), phrase(PHRASES[name]))
    assert told.shape == (4,)
    assert told.dtype == np.float32
    assert np.allclose(told[order], again)


def test_a_phrase_that_says_nothing_of_it(name, noise, fixed_proposer):
    term = load_term(name)
    assert (
        term.score(term.encode_image(noise, fixed_proposer.propose(noise)), phrase("thing")) is None
    )


def test_no_proposals(name, noise):
    term = load_term(name)
    nothing = term.encode_image(noise, MaskProposals.empty(60, 80))
    assert evidence({name: 1.0}, {name: nothing}, [phrase(PHRASES[name])], 0) == [{}]


def test_weights(name, noise, fixed_proposer):
    observed = {name: load_term(name).encode_image(noise, fixed_proposer.propose(noise))}
    phrases = [phrase(PHRASES[name]), phrase("thing")]
    one, none = evidence({name: 1.0}, observed, phrases, 4)
    two, _ = evidence({name: 2.0}, observed, phrases, 4)
    assert np.allclose(2 * one[name], two[name])
    assert none == {}
    assert evidence({name: 0.0}, observed, phrases, 4) == [{}, {}]


def test_parsing():
    assert parse_terms("all") == dict.fromkeys(TERMS, 1.0)
    assert parse_terms("none") == {}
    assert parse_terms("colour") == {"colour": 1.0}
    assert parse_terms(" colour:weight=2.5 ") == {"colour": 2.5}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("size", "there is no term 'size'; choose out of colour"),
        ("colour:weight=-1", "W of at least 0, got 'colour:weight=-1'"),
        ("colour:weight=nan", "W of at least 0"),
        ("colour:heavy=2", "NAME:weight=W"),
    ],
)
def test_faulty_terms(text, told):
    with pytest.raises(ConfigurationError, match=told):
        parse_terms(text)
