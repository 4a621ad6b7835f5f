"""Phrases as the shipped table of words understands them."""

import numpy as np
import pytest

from refmask.classifier.words import load_words
from refmask.types import TargetPhrase


def read(text, noun_phrase=None, head=None):
    """A phrase whose noun phrase is its first words, and its head their last one."""
    noun_phrase = noun_phrase or text
    return load_words().read(
        TargetPhrase(text, text, noun_phrase, head or noun_phrase.rpartition(" ")[2])
    )


@pytest.mark.parametrize(
    ("text", "noun_phrase", "word"),
    [
        ("the dogs", None, "dog"),
        ("teddy bear on the left", "teddy bear", "teddy bear"),
        ("Two Hot Dogs", None, "hot dog"),
        ("the red wine glasses", None, "wine glass"),
        ("a slice of pizza", "a slice", "pizza"),
        ("the pizza slice", None, "pizza"),
        ("a pair of red scissors on the table", "a pair", "scissors"),
        ("back of the truck", "back", "truck"),
        ("picture of a dog", "picture", "dog"),
        ("picture on the wall", "picture", "picture"),
        ("dog painting", None, "painting"),
        ("slice on the left", "slice", "slice"),
        ("yellow jacket", None, "jacket"),
        ("the green house", None, "house"),
        ("leather jacket", None, "jacket"),
        ("the orange", None, "orange"),
        ("an orange car", None, "car"),
        ("girafe", None, "giraffe"),
        ("someone", None, "someone"),
    ],
)
def test_finds_the_targets_noun(text, noun_phrase, word):
    reading = read(text, noun_phrase)
    assert (reading.word, reading.unknown) == (word, None)
    assert reading.noun.any()


@pytest.mark.parametrize(
    ("text", "noun_phrase", "word", "message"),
    [
        ("the flurb", None, None, "'flurb' is unknown"),
        ("flurb next to the red ball", "flurb", None, "'flurb' is unknown"),
        ("the dog flurb", None, "dog", "'flurb' is unknown; 'dog' is used instead"),
        ("flurb with a hat", "flurb", "hat", "'flurb' is unknown; 'hat' is used instead"),
        (
            "the one in the red shirt",
            "the one",
            "shirt",
            "'one' names no kind of object; 'shirt' is used instead",
        ),
        ("left one", None, None, "'one' names no kind of object"),
        ("on the far left", None, None, "'left' names no kind of object"),
        ("the red", None, None, "'red' names no kind of object"),
        ("!!", None, None, "'!!' is unknown"),
    ],
)
def test_an_unknown_or_empty_head_is_reported(text, noun_phrase, word, message):
    reading = read(text, noun_phrase)
    assert (reading.word, reading.unknown) == (word, message)
    assert reading.noun.any() == (word is not None)
    assert reading.sentence.any() == (word is not None)


def test_a_noun_phrase_may_go_on_behind_its_head():
    reading = read("dog on the left", "dog on the left", "dog")
    assert reading.word == "dog"


def test_the_sentence_adds_other_nouns_weakly():
    alone, both = read("cup"), read("cup next to the laptop", "cup")
    np.testing.assert_array_equal(alone.noun, both.noun)
    np.testing.assert_array_equal(alone.noun, alone.sentence)
    added = both.sentence - both.noun
    laptop = load_words().affinity("laptop")
    assert 0 < added.max() < 0.25 * laptop.max()
    assert laptop[added.argmax()] == laptop.max()


def test_places_and_colours_are_no_nouns_of_the_sentence():
    plain = read("dog")
    for text in (
        "white dog on the left side",
        "dog in the middle",
        "dog standing second from right",
    ):
        np.testing.assert_array_equal(read(text, head="dog").sentence, plain.sentence)
