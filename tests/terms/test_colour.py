"""The colour term: shares of named colours, and which words of a phrase are meant."""

import numpy as np
import pytest

from refmask.terms import evidence
from refmask.terms.colour import FLOOR, NAMES, PROTOTYPES, SYNONYMS, basic_names, colour_shares
from refmask.terms.node import ImageEvidence
from refmask.text.lexicon import HUES
from refmask.text.parser import PhraseParser
from refmask.types import MaskProposals


@pytest.fixture
def halves():
    """A red left half beside a blue right half, and a mask for each and for both."""
    image = np.zeros((40, 60, 3), np.uint8)
    image[:, :30], image[:, 30:] = (200, 20, 30), (30, 60, 180)
    masks = np.zeros((3, 40, 60), np.bool_)
    masks[0, :, :30] = masks[1, :, 30:] = masks[2] = True
    return image, MaskProposals(masks)


def test_shares_of_halves(halves):
    shares = colour_shares(*halves)
    assert shares.shape == (3, 11)
    assert shares.dtype == np.float32
    red, blue = NAMES.index("red"), NAMES.index("blue")
    assert np.allclose(shares[:, red], [1, 0, 0.5])
    assert np.allclose(shares[:, blue], [0, 1, 0.5])
    assert np.allclose(shares.sum(axis=1), 1)


def test_the_score_is_the_log_of_the_named_share(halves):
    image = ImageEvidence(*halves)

    def score(text):
        (phrase,) = PhraseParser()([text])
        return evidence({"colour": 1.0}, image, phrase, lambda _: None).get("colour")

    assert np.allclose(score("the red thing"), np.log(np.array([1, 0, 0.5]) + FLOOR), atol=1e-5)
    assert np.allclose(score("the red and blue thing"), np.log(1 + FLOOR), atol=1e-5)
    assert score("the left thing") is None


@pytest.mark.parametrize("name", NAMES)
def test_every_prototype_has_its_own_name(name):
    for colour in PROTOTYPES[name]:
        image = np.full((8, 8, 3), colour, np.uint8)
        shares = colour_shares(image, MaskProposals(np.ones((1, 8, 8), np.bool_)))
        assert shares[0, NAMES.index(name)] == 1, colour


def test_shadow_does_not_change_a_name():
    image = np.array([[[90, 20, 22], [220, 40, 45]]], np.uint8)
    shares = colour_shares(image, MaskProposals(np.ones((1, 1, 2), np.bool_)))
    assert shares[0, NAMES.index("red")] == 1


def test_thin_and_large_masks_are_sampled():
    image = np.full((2000, 2000, 3), (250, 250, 250), np.uint8)
    image[:, 1001] = (200, 20, 30)
    masks = np.zeros((2, 2000, 2000), np.bool_)
    masks[0, :, 1001] = True
    masks[1] = True
    shares = colour_shares(image, MaskProposals(masks))
    assert shares[0, NAMES.index("red")] == 1
    assert shares[1, NAMES.index("white")] > 0.95


@pytest.mark.parametrize(
    ("expression", "colours"),
    [
        ("the grey cat", ("grey",)),
        ("the GRAY cat", ("grey",)),
        ("white and black dog", ("black", "white")),
        ("the dog next to the red car", ()),
        ("guy in red", ("red",)),
        ("woman wearing a blue dress", ("blue",)),
        ("the orange", ()),
        ("the green orange", ("green",)),
        ("violet flower", ("purple",)),
        ("the redhead", ()),
    ],
)
def test_which_colours_are_meant(expression, colours):
    for reference in (False, True):
        (phrase,) = PhraseParser(reference=reference)([expression])
        assert basic_names(phrase.reading.attributes) == colours


def test_a_given_noun_phrase_has_its_colours():
    given = PhraseParser().from_phrase
    assert given("the red thing", "red mug").reading.attributes == ("red",)
    assert given("someone wearing a blue hat", "someone").reading.attributes == ("blue",)
    assert given("the orange", "the orange").reading.attributes == ()


def test_every_word_of_colour_is_read():
    assert SYNONYMS.keys() == HUES
