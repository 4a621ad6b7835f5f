"""How expressions are read: one of the kind that people write for each rule."""

import pytest

from refmask.reading import Reading
from refmask.text.parser import PhraseParser

READINGS = {
    # Places, and what they are of.
    "left zebra": "zebra (place left)",
    "guy on left": "guy (place left)",
    "person to the left": "person (place left)",
    "far right orange": "orange (place right)",
    "farthest left": "? (place left)",
    "man in the middle": "man (place middle)",
    "top left broccoli": "broccoli (place top, place left)",
    "person at bottom of the picture": "person (place bottom)",
    "bottom right corner": "? (place bottom, place right, edge edge)",
    "man next to dog on left": "man (place left) near [dog]",
    "guy in front of the woman on the right": "guy front [woman (place right)]",
    # No places: what is faced, sides of bodies, tops that are worn, "right next to".
    "man facing left": "man",
    "girl in pink top": "girl",
    "his right hand": "hand",
    "right next to the window": "? near [window]",
    "cup right in front": "cup (depth near)",
    # Misspelt.
    "onright man": "man (place right)",
    "leftside bus": "bus (place left)",
    "rigth guy": "guy (place right)",
    "botom left donut": "donut (place bottom, place left)",
    # Order.
    "second guy from the left in a red shirt": "guy (order 2 from left)",
    "2nd zebra from right": "zebra (order 2 from right)",
    "second from left": "? (order 2 from left)",
    "first car": "car (order 1)",
    "last person in line on right": "person (order last from right) in [line]",
    "back row second from the right": "? (order 2 from right, depth far)",
    # Depth, size, edge, alone.
    "zebra in back": "zebra (depth far)",
    "horse in the background": "horse (depth far)",
    "chair closest to us": "chair (depth near)",
    "front left banana": "banana (depth near, place left)",
    "the bigger elephant": "elephant (size big)",
    "the tallest giraffe": "giraffe (size tall)",
    "the small cup": "cup (size small)",
    "little girl": "girl",
    "woman cut off on right edge": "woman (edge cut, place right, edge edge)",
    "the lone sheep": "sheep (alone)",
    "sheep by itself": "sheep (alone)",
    # Relations.
    "bottle with yellow cap under candle": "bottle below [candle]",
    "cup to the left of the plate": "cup left [plate]",
    "laptop near the cup on the table": "laptop near [cup] on [table]",
    "man to the right of the woman holding umbrella": "man right [woman has [umbrella]]",
    "the one between the two men": "? between [men]",
    "car behind the blue one": "car behind [blue one]",
    "bed far from the window": "bed far [window]",
    "kid on skateboard on left": "kid on [skateboard (place left)]",
    # Wholes of parts and portions, and stranded prepositions.
    "piece of cake on left": "cake (place left)",
    "left side of pizza": "pizza (place left)",
    "half of a man on right": "man (place right)",
    "cow butt": "cow",
    "chair girl is sitting on": "chair",
    # Denied.
    "man not on the left": "man (not place left)",
}


@pytest.fixture(scope="module")
def parser():
    return PhraseParser()


@pytest.mark.parametrize("expression", READINGS)
def test_readings(parser, expression):
    assert str(parser([expression])[0].reading) == READINGS[expression]


def test_a_reading_as_a_tree_and_as_json(parser):
    (phrase,) = parser(["second guy from the left in front of the woman on the right"])
    assert phrase.reading.tree().splitlines() == [
        "guy",
        "  order 2 from left",
        "  front",
        "    woman",
        "      place right",
    ]
    fields = phrase.reading.to_dict()
    order = {"kind": "order", "value": "left", "rank": 1, "negated": False}
    assert fields["cues"] == [order]
    (link,) = fields["relations"]
    assert (link["name"], link["landmark"]["noun"]) == ("front", "woman")


def test_words_are_marked(parser):
    (phrase,) = parser(["left zebra"])
    assert [cue.tokens for cue in phrase.reading.cues] == [(0,)]


def test_nothing_said_is_nothing_read(parser):
    assert parser(["the zebra"])[0].reading == Reading("zebra", "zebra")
    assert parser.from_phrase("the left zebra", "the zebra").reading == Reading()


def test_relations_within_relations_end():
    words = [
        "a",
        "cup",
        "near",
        "dogs",
        "near",
        "cats",
        "near",
        "cars",
        "near",
        "beds",
        "near",
        "bags",
    ]
    pos = ["DET", *["NOUN", "ADP"] * 5, "NOUN"]
    heads = [1, *(max(at - 1, 1) for at in range(1, len(words)))]
    deps = ["det", "ROOT", *["prep", "pobj"] * 5]
    phrase = PhraseParser().from_parse(" ".join(words), words, heads, deps, pos)
    assert str(phrase.reading) == "cup near [dogs near [cats near [cars]]]"
