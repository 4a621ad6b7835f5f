"""Words of colour, and the things that they are said of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from refmask.text.lexicon import HUES, PERSONS, WORN

if TYPE_CHECKING:
    from refmask.text.things import Things

_WORD = re.compile(r"[a-z]+")
#: What someone is dressed in: "in red", "wearing a red ...".
_WORN = re.compile(r"\b(?:in|wearing|with)\s+(?:(?:a|an|the|his|her|their)\s+)?([a-z]+)")
_WEARING = ("wearing", "dressed")


class Colour(NamedTuple):
    """A word of colour.

    ``owner``: the thing that it is said of; None for a target without a noun. ``worn``: that
    thing only wears it. ``token``: where it stands.
    """

    owner: int | None
    word: str
    worn: bool
    token: int


def find_colours(things: Things) -> Iterator[Colour]:
    """The colours of an expression; those of clothes belong to who wears them."""
    for at, word in enumerate(things.words):
        if word in HUES and at not in things.nouns:
            *between, owner = things.path(things.doc[at], things.landmarks)
            worn = any(_is_worn(things, step) for step in between)
            yield Colour(_wearer(things, owner, at) if worn else owner, word, worn, at)


def named_colours(phrase: str, expression: str) -> tuple[str, ...]:
    """The colours in a noun phrase, else those that the expression says to be worn; no parse."""
    *words, _ = ["", *_WORD.findall(phrase.lower())]
    found = [word for word in words if word in HUES]
    return tuple(found or [word for word in _WORN.findall(expression.lower()) if word in HUES])


def _wearer(things: Things, owner: int | None, at: int) -> int | None:
    """Who wears a colour: the nearest person before it, where a parse names no person."""
    if owner is None or things.words[owner] in PERSONS:
        return owner
    return max(
        (one for one in things.landmarks if one < at and things.words[one] in PERSONS),
        default=owner,
    )


def _is_worn(things: Things, step: int | None) -> bool:
    """Whether what lies between a colour and a thing is clothes, or "in"."""
    if step is None or step == things.target:
        return False
    word = things.words[step]
    return word in WORN or word in _WEARING or things.doc[step].pos_ == "ADP"
