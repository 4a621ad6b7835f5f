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
    "girl in pink top": "girl (colour pink)",
    "his right hand": "hand",
    "man with head down": "man has [head]",
    "right next to the window": "? near [window]",
    "cup right in front": "cup (depth near)",
    "orange on the right in the front": "orange (place right, depth near)",
    "guy in back ground": "guy (depth far)",
    "cup slightly off screen": "cup (edge cut)",
    "biggest screen": "screen (size big)",
    "just right of the lamp": "? right [lamp]",
    "the tv screen": "tv screen",
    # Misspelt, and glued together.
    "lft zebra": "zebra (place left)",
    "rihgt guy": "guy (place right)",
    "cneter cup": "cup (place middle)",
    "guy benind the car": "guy behind [car]",
    "man rightcut": "man (place right, edge cut)",
    "leftguy": "guy (place left)",
    "bottomright donut": "donut (place bottom, place right)",
    "upright piano": "upright piano",
    "bright light": "bright light",
    "shirt on the leftovers": "shirt on [all leftovers]",
    "onright man": "man (place right)",
    "leftside bus": "bus (place left)",
    "rigth guy": "guy (place right)",
    "botom left donut": "donut (place bottom, place left)",
    # Order.
    "second guy from the left in a red shirt": "guy (colour red, order 2 from left)",
    "2nd zebra from right": "zebra (order 2 from right)",
    "second from left": "? (order 2 from left)",
    "first car": "car (order 1)",
    "last person in line on right": "person (order last from right) in [line]",
    "back row second from the right": "? (order 2 from right, depth far)",
    "second from left in back row": "? (order 2 from left, depth far)",
    "back row third from right": "? (order 3 from right, depth far)",
    "banana in the front fourth from the right": "banana (order 4 from right, depth near)",
    "3 from left": "? (order 3 from left)",
    "dude 3 in from right": "dude (order 3 from right)",
    "third from right elephant": "elephant (order 3 from right)",
    # Depth, size, edge, alone.
    "elephant behind": "elephant (depth far)",
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
    "bottle with yellow cap under candle": "bottle (colour yellow) below [candle]",
    "cup to the left of the plate": "cup left [plate]",
    "laptop near the cup on the table": "laptop near [cup] on [table]",
    "man to the right of the woman holding umbrella": "man right [woman has [umbrella]]",
    "the one between the two men": "? between [2 men]",
    "car behind the blue one": "car behind [blue one (colour blue)]",
    "bed far from the window": "bed far [window]",
    "kid on skateboard on left": "kid on [skateboard (place left)]",
    "cow left of front one": "cow left [one (depth near)]",
    "elephant next to standing man": "elephant near [standing man]",
    "laptop next to the man's laptop": "laptop near [laptop]",
    "person in front of the guy's hand": "person front [guy]",
    "a woman petting a dog": "woman has [dog]",
    "coffee with creamer in it": "coffee has [creamer in [it]]",
    "man with camera": "man has [camera]",
    "the player with 6 on his jersey": "player",
    "empty chair on left second one": "empty chair (order 2 from left, place left)",
    # Colours, of clothes too, where there is none of one's own.
    "the red car": "red car (colour red)",
    "the car that is red": "car (colour red)",
    "cat next to the red car": "cat near [red car (colour red)]",
    "box truck white": "box truck (colour white)",
    "blue on right": "? (colour blue, place right)",
    "black and white umbrella": "black and white umbrella (colour black, colour white)",
    "guy in red": "guy (colour red)",
    "man in black and white": "man (colour black, colour white)",
    "guy with red shirt and black hat": "guy (colour red, colour black)",
    "motorcycle beneath man in orange shirt": "motorcycle below [man (colour orange)]",
    "black man in white shirt": "black man (colour black)",
    "orange on left": "orange (place left)",
    "orange cat": "orange cat (colour orange)",
    "apple next to the orange": "apple near [orange]",
    # Wholes of parts and portions, and stranded prepositions.
    "piece of cake on left": "cake (place left)",
    "left side of pizza": "pizza (place left)",
    "half of a man on right": "man (place right)",
    "cow butt": "cow",
    "chair girl is sitting on": "chair",
    "sandwich guy is holding": "sandwich",
}


@pytest.fixture(scope="module")
def parser():
    return PhraseParser()


@pytest.mark.parametrize("expression", READINGS)
def test_readings(parser, expression):
    assert str(parser([expression])[0].reading) == READINGS[expression]


def test_a_reading_as_a_tree_and_as_json(parser):
    (phrase,) = parser(["second guy from the left in front of the two red cars"])
    assert phrase.reading.tree().splitlines() == [
        "guy",
        "  order 2 from left",
        "  front",
        "    2 red cars",
        "      colour red",
    ]
    fields = phrase.reading.to_dict()
    order = {"kind": "order", "value": "left", "rank": 1, "negated": False}
    assert fields["cues"] == [order]
    (link,) = fields["relations"]
    assert (link["name"], link["landmark"]["noun"]) == ("front", "cars")
    assert (link["landmark"]["count"], link["landmark"]["attributes"]) == (2, ["red"])


def test_what_is_joined_left_out_and_unread_as_a_tree_and_as_json(parser):
    (phrase,) = parser(["dogs and a cat that are not parked, not the red one"])
    assert phrase.reading.tree().splitlines() == [
        "all dogs",
        "  except",
        "    red one",
        "      colour red",
        "  and",
        "    cat",
        "  unread 'not'",
    ]
    fields = phrase.reading.to_dict()
    assert fields["count"] is None
    assert [other["phrase"] for other in fields["excluded"]] == ["red one"]
    assert [other["phrase"] for other in fields["joined"]] == ["cat"]
    assert fields["unread"] == "not"


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
    assert str(phrase.reading) == "cup near [all dogs near [all cats near [all cars]]]"
