"""English nouns: their written forms, and words that name no kind of object."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Words for a position, or for one of several objects.
PLACES = _words(
    "left right middle center centre top bottom front back rear side corner edge end far near "
    "foreground background upper lower inside outside distance way spot place area space "
    "first second third fourth fifth last next other"
)
#: Words that refer to or count objects without naming their kind.
POINTERS = _words(
    "one ones it its this that these those thing things object objects item items stuff something "
    "anything everything none all both each some any most more rest two three four five six "
    "number which what who"
)
#: Amounts and parts that look like the whole: "a piece of cake", "the cake slice".
PORTIONS = _words(
    "pair piece part half portion section set bunch group stack pile row line couple kind type "
    "sort bit lot chunk segment quarter bundle cluster collection amount pieces parts halves "
    "portions stacks piles rows bits lots slice slices herd flock handful serving variety"
)
#: Depictions of another object: "a picture of a dog", but also "a picture on the wall".
LIKENESSES = _words("picture photo image painting reflection view statue")
COLOURS = _words(
    "red orange yellow green blue purple violet pink brown black white grey gray beige tan gold "
    "golden silver maroon navy teal turquoise"
)
#: Words that describe a noun rather than form a compound: "a green house" is no greenhouse.
DESCRIBING = (
    COLOURS
    | PLACES
    | _words(
        "big little large small tall short long old young new wet dry dirty clean fat thin round "
        "square single double dark bald"
    )
)
#: Heads without an appearance of their own. The exceptions are objects, too.
EMPTY = (PLACES | POINTERS | PORTIONS | COLOURS) - {"orange", "slice", "slices"}
#: Words between an object and what it wears or holds.
CARRIERS = _words("with in wearing holding has having carrying")
#: Words that end a noun phrase.
BREAKS = CARRIERS | _words(
    "of and or on at by to from near behind under over above below beside between that which "
    "who is are was were facing towards toward against into onto for but not while as"
)
#: Words that are never nouns, unless they are the head.
NO_NOUNS = EMPTY | COLOURS | BREAKS | _words("a an the his her my your their our no")

#: Endings of regular plurals, longest first, and of their singular.
ENDINGS = (
    *(("ches", "ch"), ("shes", "sh"), ("sses", "ss"), ("ses", "s"), ("xes", "x"), ("zes", "z")),
    *(("ies", "y"), ("ies", "ie"), ("ves", "f"), ("ves", "fe"), ("men", "man"), ("oes", "o")),
    ("s", ""),
)
#: Misspellings are corrected in words of at least this many letters without these endings.
LONG, INFLECTED = 5, ("est", "ing", "ed")
_WORD = re.compile(r"[^\W_]+(?:['\u2019-][^\W_]+)*")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def split_words(text: str) -> list[str]:
    """Lower-case words of a text, without punctuation and possessive endings."""
    words = (match.group().lower().replace("\u2019", "'") for match in _WORD.finditer(text))
    return [word.removesuffix("'s") for word in words]


def spellings(words: Sequence[str]) -> Iterator[str]:
    """Other ways to write one noun: "tshirt", "t shirt", "t-shirt"; "fire hydrant", "firehydrant".

    Args:
        words: lower-case, one or more.
    """
    parts = " ".join(words).replace("-", " ").split()
    if len(parts) > 1:
        yield from (separator.join(parts) for separator in (" ", "-", ""))
    if len(parts) == 1:
        (word,) = parts
        yield from (f"{word[:at]} {word[at:]}" for at in range(3, len(word) - 2))


def singulars(word: str, irregular: Mapping[str, str]) -> Iterator[str]:
    """Possible singulars of a noun; of a compound the last word is inflected.

    Args:
        word: lower-case, words between spaces.
        irregular: irregular plural to singular.
    """
    first, space, last = word.rpartition(" ")
    if last in irregular:
        yield first + space + irregular[last]
    for ending, singular in ENDINGS:
        if last.endswith(ending) and len(last) > len(ending) + 1:
            yield first + space + last.removesuffix(ending) + singular


def slips(word: str) -> Iterator[str]:
    """All words one edit away: a letter too many, too few, wrong, or two exchanged."""
    for at in range(len(word) + 1):
        first, last = word[:at], word[at:]
        if last:
            yield first + last[1:]
        if len(last) > 1:
            yield first + last[1] + last[0] + last[2:]
        for letter in _LETTERS:
            yield first + letter + last
            yield first + letter + last[1:]
