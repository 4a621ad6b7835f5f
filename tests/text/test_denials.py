"""What an expression does not mean, and denials that are not understood."""

import pytest

from refmask.reading import Reading
from refmask.text.parser import PhraseParser

READINGS = {
    # Other things.
    "not the flower": "? except [flower]",
    "no dog": "? except [dog]",
    "the mug, not the red one": "mug except [red one (colour red)]",
    "couch not the chair": "couch except [chair]",
    "not the man in blue, the other guy": "other guy except [man (colour blue)]",
    "left guy not the right one": "guy (place left) except [one (place right)]",
    "circle in the top left not the cut off one": (
        "circle (place top, place left) except [one (edge cut)]"
    ),
    "bottom right corner girl not curly head": (
        "girl (place bottom, place right, edge edge) except [curly head]"
    ),
    "all the cups except the red one": "all cups except [red one (colour red)]",
    "all fruit excluding the apple": "all fruit except [apple]",
    "everything but the dog": "everything except [dog]",
    "anything but the left one": "anything except [one (place left)]",
    "the dog other than the brown one": "dog except [brown one (colour brown)]",
    "the cup instead of the plate": "cup except [plate]",
    # Of another colour.
    "the one that isn't red": "? except [? (colour red)]",
    "the cup that isn\u2019t red": "cup except [? (colour red)]",
    "person who is not wearing red": "person except [? (colour red)]",
    # Elsewhere, and otherwise.
    "man not on the left": "man (not place left)",
    "any slice except center": "slice (not place middle)",
    "the not so tall guy": "guy (not size tall)",
    "cup not on the couch": "cup not on [couch]",
    "man without a hat": "man not has [hat]",
    "clear bottle without yellow cap": "clear bottle not has [yellow cap (colour yellow)]",
    "not black or white car": "white car except [? (colour black, colour white)]",
    "person w/o a hat": "person not has [hat]",
    "man with no shirt on skateboard": "man not has [shirt] on [skateboard]",
    "guy with no hat": "guy not has [hat]",
    "couch no pillow": "couch not has [pillow]",
    "woman not wearing a hat": "woman not has [hat]",
    "girl on outer seat long hair no sleeves on right": (
        "girl (place right) on [outer seat] not has [all sleeves]"
    ),
    # No denials.
    "no, the other one": "?",
    "the knot on the notebook": "knot on [notebook]",
    # Not understood.
    "car that is not parked": "car unread 'not'",
    "giraffe not facing us": "giraffe unread 'not'",
    "people that dont sit": "all people unread 'dont'",
}
#: Denials that no part of a reading holds.
UNREAD = {
    "the cup that doesn\u00b4t shine": "doesn\u00b4t",
    "the man who isnt sitting": "isnt",
    "the cup that isn't shiny": "isn't",
    "nobody": "nobody",
    "nothing": "nothing",
    "neither of them": "neither",
    "none of the dogs": "none",
}


@pytest.fixture(scope="module")
def parser():
    return PhraseParser()


@pytest.mark.parametrize("expression", READINGS)
def test_what_is_not_meant(parser, expression):
    assert str(parser([expression])[0].reading) == READINGS[expression]


@pytest.mark.parametrize("expression", UNREAD)
def test_denials_that_are_not_understood(parser, expression):
    reading = parser([expression])[0].reading
    assert reading.unread == UNREAD[expression]
    assert reading.not_understood == f"{UNREAD[expression]!r} is not understood"


@pytest.mark.parametrize("expression", ["the knot on the notebook", "two dogs", "the man in jeans"])
def test_nothing_is_denied(parser, expression):
    assert parser([expression])[0].reading.not_understood is None


def test_without_a_parse_no_denial_is_understood(parser):
    (phrase,) = PhraseParser(reference=True)(["the mug, not the red one"])
    assert phrase.reading == Reading(unread="not")
    assert parser.from_phrase("the mug, not the red one", "the mug").reading == Reading(
        unread="not"
    )
