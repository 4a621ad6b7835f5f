"""Which known nouns a phrase is about, and what they look like to the classifier."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING

import numpy as np

from refmask.classifier.nouns import (
    BREAKS,
    CARRIERS,
    EMPTY,
    LIKENESSES,
    NO_NOUNS,
    PLACES,
    POINTERS,
    PORTIONS,
    split_words,
)
from refmask.types import FloatArray, TargetPhrase

if TYPE_CHECKING:
    from refmask.classifier.words import WordTable

#: Words in the longest compound that is looked for.
LONGEST = 4
#: What words before the target's noun, and other nouns, mean to the whole expression.
MODIFIER, OTHER = 0.5, 0.2


@dataclass(frozen=True, eq=False)
class Reading:
    """A phrase as the table of words understands it.

    Attributes:
        word: the table's word for what the target is, or None.
        noun: float32 (C,), 0 to 1: how far each class is what the noun phrase names; zeros where
            nothing is known.
        sentence: the same for the whole expression.
        unknown: None, or why the target's own noun tells nothing, as a text to show. ``word`` is
            then another word of the phrase, which decides in its place.
    """

    word: str | None
    noun: FloatArray
    sentence: FloatArray
    unknown: str | None


def read_phrase(table: WordTable, phrase: TargetPhrase) -> Reading:
    """What a phrase's nouns look like, each found in whatever form it is written."""
    named, after = _around(phrase)
    head = named[-1] if named else ""
    word, start = _target(table, named, after)
    modifiers = list(_nouns(table, named[:start]))
    unknown = None
    if word is None:
        word = next(iter([*modifiers[::-1], *_carried(table, after)]), None)
        unknown = _fault(head or phrase.head) + (f"; '{word}' decides" if word else "")
    others = [(each, MODIFIER) for each in modifiers]
    others += [(each, OTHER) for each in _nouns(table, after)]
    noun = _strongest(table, [(word, 1.0)] if word else [])
    sentence = _strongest(table, [(word, 1.0), *others] if word else [])
    return Reading(word, noun, sentence, unknown)


def _fault(head: str) -> str:
    """Why a head tells nothing."""
    if head in EMPTY:
        return f"'{head}' names no kind of thing"
    return f"nothing is known about '{head}'"


def _strongest(table: WordTable, words: Sequence[tuple[str, float]]) -> FloatArray:
    """The greatest affinity that words have by their weight, float32 (C,)."""
    affinity = np.zeros(table.classes, np.float32)
    for word, weight in words:
        found = table.affinity(word)
        affinity = affinity if found is None else np.maximum(affinity, weight * found)
    return affinity


def _around(phrase: TargetPhrase) -> tuple[list[str], list[str]]:
    """The words of the noun phrase up to its head, and the expression's words behind it."""
    named, text = split_words(phrase.noun_phrase), split_words(phrase.text)
    for head in split_words(phrase.head)[-1:]:
        if head in named:
            named = named[: len(named) - named[::-1].index(head)]
    starts = (at for at in range(len(text)) if text[at : at + len(named)] == named)
    return named, text[next(starts, len(text)) + len(named) :]


def _target(table: WordTable, named: Sequence[str], after: Sequence[str]) -> tuple[str | None, int]:
    """The table's word for what is named, and where in the noun phrase it starts.

    A portion is what it is of ("a slice of pizza", "the pizza slice"); else it is the longest known
    compound that ends in the head, else the head.
    """
    last = max(0, len(named) - 1)
    head = "".join(named[last:])
    portion = head in PLACES | POINTERS | PORTIONS
    wholes = list(_nouns(table, named[:last])) if portion else []
    if after[:1] == ["of"] and (portion or head in LIKENESSES):
        wholes += _nouns(table, _run(after[1:]))
    if wholes:
        return wholes[-1], last
    if head in EMPTY:
        return None, last
    for start in range(max(0, last + 1 - LONGEST), last):
        if word := table.find(" ".join(named[start:])):
            return word, start
    return table.find(head) or table.find_misspelt(head), last


def _carried(table: WordTable, words: Sequence[str]) -> Iterator[str]:
    """The things that something wears, holds or has, by the words behind its noun."""
    for at, word in enumerate(words, 1):
        if word in CARRIERS:
            yield from _nouns(table, _run(words[at:]))


def _run(words: Sequence[str]) -> list[str]:
    """The first words, which may belong to one noun."""
    return list(takewhile(lambda word: word not in BREAKS, words))


def _nouns(table: WordTable, words: Sequence[str]) -> Iterator[str]:
    """The things that words name, in order, a compound as one."""
    at = 0
    while at < len(words):
        stops = range(min(len(words), at + LONGEST), at, -1)
        spans = (words[at:stop] for stop in stops if words[stop - 1] not in NO_NOUNS)
        for span in spans:
            word = table.find(" ".join(span))
            if word and table.is_thing(word):
                yield word
                at += len(span) - 1
                break
        at += 1
