"""Prepositions and verbs between two things."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from refmask.text.cues import is_denied
from refmask.text.lexicon import (
    CARRIED,
    COLOURS,
    FRAMES,
    LONGEST,
    PLACES,
    PRONOUNS,
    REFLEXIVES,
    RELATIONS,
    WORN,
)

if TYPE_CHECKING:
    from refmask.text.things import Things

#: A landmark comes at most so many words after the words that lead to it.
REACH = 7
#: Relations to what is worn tell how a thing looks, and not where it is.
WEARING = ("has", "in", "on")


class Span(NamedTuple):
    """Words from ``start`` to before ``end`` that state a relation to the thing at ``landmark``."""

    start: int
    end: int
    name: str
    landmark: int


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
    for start, end, name, landmark in spans:
        if name in WEARING and _is_look(things.words[landmark]):
            continue
        owner = things.above(things.doc[start])
        if owner == landmark or (owner is not None and owner > start):
            owner = things.target
        if owner != landmark:
            yield Link(owner, name, landmark, is_denied(things, start), tuple(range(start, end)))


def _spans_at(things: Things, start: int) -> Iterator[Span]:
    """Relations that begin at a word and lead to a thing, the longest first."""
    for end in range(min(start + LONGEST, len(things.words)), start, -1):
        name = RELATIONS.get(tuple(things.words[start:end]))
        if name is None or start in things.whole or end - 1 in things.whole:
            continue
        landmark = _landmark(things, end)
        if landmark is not None:
            yield Span(start, end, name, landmark)


def _is_look(word: str) -> bool:
    """Whether a noun tells how a thing looks: "in red", "with glasses"."""
    return word in COLOURS or word in WORN - CARRIED


def _landmark(things: Things, start: int) -> int | None:
    """The noun that a relation's words lead to; None for a place or the image itself."""
    for at in range(start, min(start + REACH, len(things.words))):
        word, pos = things.words[at], things.doc[at].pos_
        if word in FRAMES or word in REFLEXIVES:
            return None
        if things.names_nothing(at):
            named = things.is_noun(at) or (at == start and word in PLACES)
            if named and not _goes_on(things, at):
                return at if word in ("one", "ones") else None
        elif things.is_noun(at):
            if not _is_compound(things, at):
                return at
        elif word in PRONOUNS:
            return at
        elif (word,) in RELATIONS or pos == "VERB":
            return None
    return None


def _goes_on(things: Things, at: int) -> bool:
    """Whether a noun phrase goes on behind a word."""
    return at + 1 < len(things.doc) and things.doc[at + 1].pos_ in ("NOUN", "PROPN", "ADJ", "NUM")


def _is_compound(things: Things, at: int) -> bool:
    """Whether a noun only describes the next one."""
    token = things.doc[at]
    describes = token.dep_ == "compound" and token.head.i > at
    return describes and things.is_noun(at + 1) and not things.names_nothing(at + 1)
