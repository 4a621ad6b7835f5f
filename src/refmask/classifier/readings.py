"""The known nouns of a phrase, and their affinities to the classifier's classes."""

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

#: Words of the longest compound.
LONGEST = 4
#: Weights of nouns before the target's noun, and of other nouns, in the whole expression.
MODIFIER, OTHER = 0.5, 0.2


@dataclass(frozen=True, eq=False)
class Reading:
    """A phrase, interpreted by the table of words.

    Attributes:
        word: the table's word for the target, or None.
        noun: float32 (C,), 0 to 1, affinity of the noun phrase to each class; zeros where it is
            unknown.
        sentence: the same for the whole expression.
        unknown: None, or a message why the target's noun is of no use. ``word`` is then another
            word of the phrase, which replaces it.
    """

    word: str | None
    noun: FloatArray
    sentence: FloatArray
    unknown: str | None


def read_phrase(table: WordTable, phrase: TargetPhrase) -> Reading:
    """The affinities of a phrase's nouns, each found in any of its written forms."""
    named, after = _around(phrase)
    word, start = _target(table, named, after)
    modifiers = list(_nouns(table, named[:start]))
    unknown = None
    if word is None:
        head = named[-1] if named else phrase.head
        unknown = f"'{head}' names no kind of object" if head in EMPTY else f"'{head}' is unknown"
        word = next(iter([*modifiers[::-1], *_carried(table, after)]), None)
        unknown += f"; '{word}' is used instead" if word else ""
    others = [(each, MODIFIER) for each in modifiers]
    others += [(each, OTHER) for each in _nouns(table, after)]
    noun = _strongest(table, [(word, 1.0)] if word else [])
    sentence = _strongest(table, [(word, 1.0), *others] if word else [])
    return Reading(word, noun, sentence, unknown)


def _strongest(table: WordTable, words: Sequence[tuple[str, float]]) -> FloatArray:
    """The maximum over words of their affinities times their weights, float32 (C,)."""
    maximum = np.zeros(table.classes, np.float32)
    for word, weight in words:
        affinity = table.affinity(word)
        maximum = maximum if affinity is None else np.maximum(maximum, weight * affinity)
    return maximum


def _around(phrase: TargetPhrase) -> tuple[list[str], list[str]]:
    """The words of the noun phrase up to its head, and the expression's words after it."""
    named, text = split_words(phrase.noun_phrase), split_words(phrase.text)
    for head in split_words(phrase.head)[-1:]:
        if head in named:
            named = named[: len(named) - named[::-1].index(head)]
    starts = (at for at in range(len(text)) if text[at : at + len(named)] == named)
    return named, text[next(starts, len(text)) + len(named) :]


def _target(table: WordTable, named: Sequence[str], after: Sequence[str]) -> tuple[str | None, int]:
    """The table's word for the target, and its start in the noun phrase.

    For a portion it is the whole ("a slice of pizza", "the pizza slice"); else the longest known
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
    """The objects that the target wears, holds or has, from the words after its noun."""
    for at, word in enumerate(words, 1):
        if word in CARRIERS:
            yield from _nouns(table, _run(words[at:]))


def _run(words: Sequence[str]) -> list[str]:
    """The words up to the end of a noun phrase."""
    return list(takewhile(lambda word: word not in BREAKS, words))


def _nouns(table: WordTable, words: Sequence[str]) -> Iterator[str]:
    """The objects that words name, in order, a compound as one."""
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
