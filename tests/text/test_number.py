"""How many things are asked for: by a noun's form, the words before it, and what is joined."""

import pytest

from refmask.text.parser import PhraseParser
from refmask.text.words import is_plural


@pytest.mark.parametrize("noun", ["dogs", "Men", "people", "boxes", "knives", "children", "teeth"])
def test_plurals(noun):
    assert is_plural(noun)


@pytest.mark.parametrize("noun", ["dog", "bus", "glass", "jeans", "scissors", "tennis", "man", ""])
def test_what_is_one_thing(noun):
    assert not is_plural(noun)


COUNTS = {
    # One.
    **dict.fromkeys(
        ["the dog", "some man", "the bus", "a pair of scissors", "the man in jeans"], 1
    ),
    **dict.fromkeys(
        ["one of the dogs", "any of the cups", "one of the two", "the bigger of the two"], 1
    ),
    **dict.fromkeys(["the dog next to the cats", "the woman with all of the bags"], 1),
    **dict.fromkeys(["all the way left guy", "all the way right", "all white bus", "all black"], 1),
    **dict.fromkeys(["man with both hands up", "piece of cake", "half of the oranges"], 1),
    # One, with a number in its name, or in what is told of it.
    **dict.fromkeys(["the two-seater", "three wheeler", "the three legged stool"], 1),
    **dict.fromkeys(["the four wheel drive", "the four poster bed", "nine inch pizza"], 1),
    **dict.fromkeys(["the number two", "player ten", "12", "player 12", "a two year old"], 1),
    **dict.fromkeys(["the dog at two o'clock", "zebra number 2 from left", "2 from the left"], 1),
    # So many.
    **dict.fromkeys(["two dogs", "two sheep", "both men", "the right two", "left two zebras"], 2),
    **dict.fromkeys(["both", "two", "the other two", "the two on the right", "both of the men"], 2),
    **dict.fromkeys(["a couple of dogs", "pair of zebras", "2 giraffes", "2 zebra on right"], 2),
    **dict.fromkeys(["three of the dogs", "the three on the right", "the three cups"], 3),
    **dict.fromkeys(["a dozen", "a dozen eggs"], 12),
    "two pieces of cake": 2,
    # All.
    **dict.fromkeys(["dogs", "all people on the left", "all the red cars", "every chair"], None),
    **dict.fromkeys(["all of the dogs", "a few of the cups", "some of the apples", "these"], None),
    **dict.fromkeys(["all", "the ones on the left", "several cups", "all the furniture"], None),
    **dict.fromkeys(
        ["group of people", "bunch of bananas", "row of bikes", "slices of pizza"], None
    ),
}
#: What is asked for beside the first thing.
JOINED = {
    "the dog and the cat": "dog and [cat]",
    "apple, banana and orange": "apple and [banana] and [orange]",
    "two women and a dog": "2 women and [dog]",
    "slice of pizza and fork": "pizza and [fork]",
    "man and woman on the left": "man (place left) and [woman (place left)]",
    "man on left and woman on right": "man (place left) and [woman (place right)]",
    "the zebra and the giraffe in the back": "zebra (depth far) and [giraffe (depth far)]",
    "the couch and the chair next to it": "couch and [chair near [it]]",
    # No other things: what is worn, what is done, two colours, another name, two places.
    "man in shirt and tie": "man",
    "man sitting and reading": "man",
    "black and white cat": "black and white cat (colour black, colour white)",
    "horse or cow on the left": "horse (place left)",
    "woman in white top and jeans": "woman (colour white)",
    "the one between the man and the woman": "? between [man]",
}


@pytest.fixture(scope="module")
def parser():
    return PhraseParser()


@pytest.mark.parametrize("expression", COUNTS)
def test_how_many_are_asked_for(parser, expression):
    assert parser([expression])[0].reading.count == COUNTS[expression]


@pytest.mark.parametrize("expression", JOINED)
def test_what_is_joined(parser, expression):
    assert str(parser([expression])[0].reading) == JOINED[expression]
