"""Words of place, order, size, depth and edge, and the things that they are said of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from refmask.reading import Cue
from refmask.text.lexicon import (
    AHEAD,
    ALONE,
    COLOURS,
    COUNTED,
    DEPTHS,
    EDGES,
    EXACTLY,
    FACING,
    FARTHEST,
    FRAMES,
    HALVES,
    KINDS,
    OF_BODIES,
    ORDERED,
    ORDERS,
    PARTS,
    PLACES,
    POSSESSIVES,
    REFLEXIVES,
    SIDED,
    SIZES,
)
from refmask.text.words import NUMBERS

if TYPE_CHECKING:
    from refmask.text.things import Things

#: A cue and the thing that it is said of; None for a target without a noun.
Owned = tuple["int | None", Cue]
#: The direction that an order counts from stands at most so many words after or before it.
AFTER, BEFORE = 5, 3
#: Behind these "right" is a side, whatever follows.
AT_SIDES = {"the", "on", "far"}
#: Numbers that may stand for an order.
RANKS = NUMBERS | {str(number): number for number in range(1, 10)}
#: Verbs that say what something is.
COPULAS = ("is", "are", "was", "were", "'s", "looks", "seems")


def find_cues(things: Things) -> Iterator[Owned]:
    """The cues of an expression: first of order, which take their directions to themselves."""
    taken = things.linking | {things.target}
    for at in range(len(things.words)):
        rank = _rank(things, at)
        if rank is not None and at not in things.linking and things.next(at) not in COUNTED:
            value, direction = _direction(things, at)
            taken |= {*direction}
            tokens = (at, *(later for later in direction if later > at))
            order = Cue("order", value, rank, things.denial(at) is not None, tokens)
            yield things.above(things.doc[at]), order
    for at in range(len(things.words)):
        said = None if at in taken else _said(things, at)
        if said is None:
            continue
        owners = _described(things, at) if said[0] == "size" else [things.above(things.doc[at])]
        for owner in owners:
            yield owner, Cue(*said, negated=things.denial(at) is not None, tokens=(at,))


def _rank(things: Things, at: int) -> int | None:
    """The rank that a word of order tells; a number does before "from": "3 from left"."""
    word = things.words[at]
    if word in ORDERS:
        return ORDERS[word]
    counted = things.next(at) == "from" or things.words[at + 1 : at + 3] == ["in", "from"]
    number = RANKS.get(word) if counted else None
    return None if number is None else number - 1


def _said(things: Things, at: int) -> tuple[str, str] | None:
    """The kind and value of the cue that a word is; None where it is none."""
    word, before, after = things.words[at], things.previous(at), things.next(at)
    if word in PLACES:
        return ("place", PLACES[word]) if _is_place(things, at) else None
    if word in DEPTHS:
        return ("depth", DEPTHS[word]) if _is_depth(things, at) else None
    if word == "off" and after in FRAMES:
        return "edge", "cut"
    if word == "behind" and not after:
        return "depth", "far"
    if word in SIZES:
        return "size", SIZES[word]
    if word in EDGES:
        of_a_thing = before in POSSESSIVES or after in ("of", "eaten")
        of_a_thing |= word == "half" and at == things.head  # "sandwich half"
        return None if of_a_thing else ("edge", EDGES[word])
    if word == "side":
        alone = not {before, after} & SIDED and after != "of"
        return ("edge", "edge") if alone and before not in POSSESSIVES | {"other"} else None
    if (
        word == "cutoff"
        or (word == "cut" and after in ("off", "out", ""))
        or (word == "seen" and before == "barely")
    ):
        return "edge", "cut"
    if word in ALONE or (word in REFLEXIVES and before == "by"):
        return "alone", ""
    if word == "far":
        return None if after in SIDED else ("depth", "far")
    return ("depth", "near") if word in ("near", "close") else None


def _is_place(things: Things, at: int) -> bool:
    """Whether a word of place says where something is in the image."""
    word, before, after = things.words[at], things.previous(at), things.next(at)
    if before in FACING or (after in PARTS and things.next(at + 1) != "side"):
        return False
    if word == "right" and before not in SIDED | AT_SIDES and after in EXACTLY:
        # "right in front of" says how exactly; "right in front", at the end, says both.
        return after in ("in", "front", "at", "on") and at == len(things.words) - 2
    if word in HALVES and after in ("case", "body", "side", "half"):
        return after in ("half", "side")  # no "lower case", no "upper body"
    if word in ("up", "down"):
        of_a_body = before in PARTS | OF_BODIES  # "head down"
        return things.doc[at].head.pos_ != "VERB" and not (after or of_a_body)
    if word == "top":  # which may be worn
        return before not in COLOURS and not (before in ("tank", "in", "wearing") and not after)
    return True


def _is_depth(things: Things, at: int) -> bool:
    """Whether a word of depth says how near something is."""
    word, before, after = things.words[at], things.previous(at), things.next(at)
    if word in ("back", "front") and (after in PARTS or before in POSSESSIVES):
        return False
    if word == "back" and before in FACING:
        return False
    if word not in FARTHEST:
        return True
    # "furthest right" and "closest to the left" are places.
    near = things.words[at + 1 : at + 5]
    reach = near if after in ("to", "on") else near[:2]
    return PLACES.keys().isdisjoint(reach)


def _described(things: Things, at: int) -> list[int | None]:
    """The thing that a word of size describes directly; none where it is part of a kind's name.

    "Little girl" is a kind, as is "short hair"; and "girl in small shirt" is not small.
    """
    token = things.doc[at]
    if token.lower_ in ("little", "short") and things.next(at) in KINDS:
        return []
    head = token.head
    if head.i == at:
        return [things.target]
    if head.i in things.nouns:
        return [head.i]
    if things.names_nothing(head.i) or head.lower_ in COPULAS:  # "the cup that is small"
        return [things.above(token)]
    return [things.target] if head.dep_ == "ROOT" else []


def _direction(things: Things, at: int) -> tuple[str, tuple[int, ...]]:
    """The direction that an order counts from, "" where none is told, and the words it takes."""
    words = things.words
    for later in range(at + 1, min(at + 1 + AFTER, len(words))):
        word = words[later]
        relation = word in ("left", "right") and things.next(later) == "of"
        if not relation and (word in PLACES or word in ORDERED):
            return PLACES.get(word) or DEPTHS[word], (later,)
    for earlier in range(max(0, at - BEFORE), at):
        word = words[earlier]
        if word in AHEAD and things.next(earlier) != "row":
            stated = "from" in words[max(0, earlier - 2) : earlier]
            return PLACES.get(word) or DEPTHS[word], (earlier,) if stated else ()
    return "", ()
