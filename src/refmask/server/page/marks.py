"""The words of a phrase, each with what it was read as."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TypedDict

from refmask.reading import Reading
from refmask.types import TargetPhrase
from refmask.why import RELATIONS

#: Of each landmark the regions that are it.
Landmarks = Mapping[Reading, tuple[int, ...]]


class Piece(TypedDict):
    """A part of a phrase's text.

    ``role`` is what its words were read as, one of the legend's terms, or "" for nothing; ``says``
    tells it in words. ``regions`` are those of the landmark that it names.
    """

    text: str
    role: str
    says: str
    regions: list[int]


@dataclass(frozen=True)
class _Mark:
    role: str = ""
    says: str = ""
    regions: tuple[int, ...] = ()


def pieces(phrase: TargetPhrase, landmarks: Landmarks) -> list[Piece]:
    """A phrase's text in pieces, in order.

    Without a parse only the noun phrase is marked.

    Args:
        phrase: as read.
        landmarks: of its reading.
    """
    spans = list(_spans(phrase, landmarks))
    ends = [0, *(edge for start, stop, _ in spans for edge in (start, stop)), len(phrase.text)]
    marks = [_Mark(), *(mark for *_, own in spans for mark in (own, _Mark()))]
    return [
        {"text": phrase.text[start:stop], "role": m.role, "says": m.says, "regions": [*m.regions]}
        for (start, stop), m in zip(pairwise(ends), marks, strict=True)
        if start < stop
    ]


def _spans(phrase: TargetPhrase, landmarks: Landmarks) -> Iterator[tuple[int, int, _Mark]]:
    """Where marked words start and stop; neighbours with the same mark are one."""
    if not phrase.words:
        noun = re.search(rf"(?<!\w){re.escape(phrase.noun_phrase)}(?!\w)", phrase.text)
        if noun is not None:
            yield *noun.span(), _Mark("target", "target")
        return
    marks: dict[int, _Mark] = {}
    for token, mark in _marks(phrase.reading, landmarks):
        marks.setdefault(token, mark)
    tokens = sorted(marks)
    first = 0
    for at, token in enumerate(tokens):
        after = tokens[at + 1] if at + 1 < len(tokens) else None
        if after != token + 1 or marks[after] != marks[token]:
            yield phrase.words[tokens[first]][0], phrase.words[token][1], marks[token]
            first = at + 1


def _marks(
    reading: Reading, landmarks: Landmarks, role: str = "target"
) -> Iterator[tuple[int, _Mark]]:
    """Tokens and their marks, those that say more of a word first."""
    regions = landmarks.get(reading, ()) if role == "landmark" else ()
    for cue in reading.cues:
        kind = "edge" if cue.kind == "alone" else cue.kind
        yield from ((token, _Mark(kind, str(cue), regions)) for token in cue.tokens)
    for what, tokens in reading.words:
        mark = _Mark(*_told(what, reading, role), regions)
        if what != "noun":
            yield from ((token, mark) for token in tokens)
    for link in reading.relations:
        says = f"relation: {'not ' if link.negated else ''}{RELATIONS.get(link.name, link.name)}"
        yield from ((token, _Mark("relation", says)) for token in link.tokens)
        yield from _marks(link.landmark, landmarks, "landmark")
    for other in reading.excluded:
        yield from _marks(other, landmarks, "excluded")
    for other in reading.joined:
        yield from _marks(other, landmarks)
    nouns = dict(reading.words).get("noun", ())
    yield from ((token, _Mark(*_told("noun", reading, role), regions)) for token in nouns)


def _told(what: str, reading: Reading, role: str) -> tuple[str, str]:
    """The role of words, and what they say."""
    if what == "count":
        return what, f"count: {reading.count or 'all'}"
    if what == "unread":
        return what, "not understood"
    if what == "noun" and role == "target" and reading.count != 1:
        return role, f"target: {reading.count or 'all'} of them"
    return (role, role) if what == "noun" else (what, what)
