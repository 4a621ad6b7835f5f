"""Prepositions and verbs between two things."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from refmask.text.lexicon import (
    ANYTHING,
    CARRIED,
    COLOURS,
    FRAMES,
    LONGEST,
    OF_BODIES,
    PLACES,
    POSSESSIVES,
    PRONOUNS,
    REFLEXIVES,
    RELATIONS,
    WORN,
)
from refmask.text.things import EXCEPT
from refmask.text.words import NUMBERS

if TYPE_CHECKING:
    from refmask.text.things import Things

#: A landmark comes at most so many words after the words that lead to it.
REACH = 7
#: Relations to what is worn tell how a thing looks, and not where it is.
WEARING = ("has", "in", "on")
#: Verbs that say what a thing does.
CLAUSES = ("acl", "relcl")
#: What a noun phrase may go on with.
GOING_ON = ("NOUN", "PROPN", "ADJ", "NUM")


class Span(NamedTuple):
    """Words from ``start`` to before ``end`` that state a relation to the thing at ``landmark``.

    ``is_look``: it only tells how a thing looks, as in "in red".
    """

    start: int
    end: int
    name: str
    landmark: int
    is_look: bool


class Link(NamedTuple):
    """A relation between two things, by their tokens; see ``refmask.reading.Relation``."""

    owner: int | None
    name: str
    landmark: int
    negated: bool
    tokens: tuple[int, ...]


def relation_spans(things: Things) -> list[Span]:
    """The words that state relations, the longest at each place, none within another."""
    spans, at = list[Span](), 0
    while at < len(things.words):
        span = next(_spans_at(things, at), None)
        spans += [] if span is None else [span]
        at = at + 1 if span is None else span.end
    return spans


def find_relations(things: Things, spans: Iterable[Span]) -> Iterator[Link]:
    """The relations that spans state, of the thing above them or else of the target."""
    for start, end, name, landmark, is_look in spans:
        if is_look:
            continue
        negated = _is_denied(things, start, end)
        owner = None if name == EXCEPT else things.above(things.doc[start])
        if things.words[landmark] == "it":  # "coffee with creamer in it"
            owner = max((noun for noun in things.nouns if noun < start), default=None)
        if name == EXCEPT or owner == landmark or (owner is not None and owner > start):
            owner = things.target
        if owner != landmark:
            yield Link(owner, name, landmark, negated, tuple(range(start, end)))


def _spans_at(things: Things, start: int) -> Iterator[Span]:
    """Relations that begin at a word and lead to a thing, the longest first."""
    for end in range(min(start + LONGEST, len(things.words)), start, -1):
        name = RELATIONS.get(tuple(things.words[start:end]))
        if name is None or start in things.whole or end - 1 in things.whole:
            continue
        end += things.words[end : end + 1] == ["no"]
        no = things.words[end - 1] == "no" and things.is_noun(end)
        held = name == "has" and things.words[start] != "of"
        landmark = end if no and _is_compound(things, end) else _landmark(things, end, held)
        if landmark is not None and _is_meant(things, range(start, end), landmark):
            left_out = things.words[start:end] == ["no"] and landmark == things.target
            name = EXCEPT if left_out else name
            look = name in WEARING and _is_look(things, start, end, landmark)
            yield Span(start, end, name, landmark, look)
    if things.doc[start].dep_ in CLAUSES and (things.words[start],) not in RELATIONS:
        done = next((one.i for one in things.doc[start].children if one.dep_ == "dobj"), start)
        direct = done > start and "no" not in things.words[start:done]
        if direct and things.is_noun(done) and not things.names_nothing(done):
            look = _is_look(things, start, start + 1, done)
            yield Span(start, start + 1, "has", done, look)  # "cutting a cake"


def _is_denied(things: Things, start: int, end: int) -> bool:
    return things.denial(start) is not None or any(map(things.denies, range(start, end)))


def _is_meant(things: Things, span: range, landmark: int) -> bool:
    """Whether words state a relation here: "but", "no" and "not" often do not."""
    words = things.words[span.start : span.stop]
    if words == ["nearest"] and landmark == things.target:  # "the nearest cup"
        return False
    if words == ["on"] and things.words[landmark] == "one":  # "chair on left second one"
        return things.words[span.stop] not in PLACES
    if words == ["of"]:
        return things.words[landmark] not in NUMBERS  # "the bigger of the two"
    if words == ["but"]:
        return not ANYTHING.isdisjoint(things.words[: span.start])
    if words == ["no"]:
        return things.denies(span.start)
    if "not" not in words:
        return True
    described = things.doc[span.stop].pos_ in ("ADJ", "ADV", "VERB")  # "not so tall guy"
    return things.words[landmark] not in COLOURS and not (described and landmark == things.target)


def _is_look(things: Things, start: int, end: int, landmark: int) -> bool:
    """Whether words only tell how a thing looks: "in red", "with glasses", not "without a hat"."""
    word = things.words[landmark]
    return word in COLOURS or (word in WORN - CARRIED and not _is_denied(things, start, end))


def _landmark(things: Things, start: int, held: bool) -> int | None:
    """The noun that a relation's words lead to; None for a place or the image itself.

    ``held``: what is had, such as a camera, is not the image.
    """
    for at in range(start, min(start + REACH, len(things.words))):
        word, pos = things.words[at], things.doc[at].pos_
        if word in REFLEXIVES or (word in FRAMES and things.names_nothing(at)):
            return at if held and things.is_noun(at) else None
        if things.names_nothing(at):
            named = things.is_noun(at) or (at == start and word in PLACES)
            if named and not _goes_on(things, at):
                return at if word in ("one", "ones") else None
        elif things.is_noun(at):
            if not _is_compound(things, at):
                return at
        elif word in NUMBERS or word in PRONOUNS:
            if not (_goes_on(things, at) and word in POSSESSIVES | NUMBERS.keys()):
                return at
        elif (word,) in RELATIONS or (pos == "VERB" and things.doc[at].dep_ != "amod"):
            return None
    return None


def _goes_on(things: Things, at: int) -> bool:
    """Whether a noun phrase goes on behind a word."""
    return at + 1 < len(things.doc) and things.doc[at + 1].pos_ in GOING_ON


def _is_compound(things: Things, at: int) -> bool:
    """Whether a noun only describes the next one."""
    token = things.doc[at]
    if token.dep_ == "poss" and token.head.i > at:  # parts stand for who has them
        return things.words[token.head.i] not in (WORN - CARRIED) | OF_BODIES
    describes = token.dep_ == "compound" and token.head.i > at
    return describes and things.is_noun(at + 1) and not things.names_nothing(at + 1)
