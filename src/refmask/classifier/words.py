"""The affinities of nouns to the classifier's classes, in a table that ships with refmask.

The table was made from WordNet, a sentence encoder and a hand-written list, none of which is needed
to use it (``assets/words/card.md``).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file

from refmask.classifier.nouns import (
    DESCRIBING,
    INFLECTED,
    LONG,
    singulars,
    slips,
    spellings,
    split_words,
)
from refmask.classifier.readings import Reading, read_phrase
from refmask.errors import MissingResource
from refmask.types import FloatArray, TargetPhrase

__all__ = ["FILE", "SCALE", "Reading", "WordTable", "load_words"]

FILE = "words.safetensors"
#: Affinities are stored as bytes: SCALE times their square root.
SCALE = 255


class WordTable:
    """Affinities of nouns to the classes.

    Args:
        arrays: of W words, C classes and P profiles,
            ``words``: uint8, UTF-8, one word per line;
            ``row_ends``: uint32 (W,), end of each word's part of the next two;
            ``columns``: uint16, below C a class, from C on a profile;
            ``values``: uint8, affinity to that class, or weight of that profile;
            ``profiles``: uint8 (P, C), affinities that many words share;
            ``things``: bool (W,), whether the word is mostly a noun;
            ``common``: bool (W,), whether it occurs in ordinary text, or names a class;
            ``listed``: bool (W,), whether it is among the objects most frequent in photographs;
            ``plurals``: uint8, UTF-8, lines of irregular plural, tab, singular.
            A word's affinity to a class is the maximum of its own and its profiles' weighted ones.
    """

    def __init__(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        self._arrays = arrays
        words = _lines(arrays["words"])
        self._rows = dict(zip(words, range(len(words)), strict=True))
        self._plurals = dict(line.split("\t") for line in _lines(arrays["plurals"]))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a table's file.

        Raises:
            MissingResource: when there is none, or it is damaged.
        """
        try:
            return cls(load_file(path))
        except (OSError, SafetensorError, LookupError, ValueError) as error:
            raise MissingResource(
                f"the table of words at {path} cannot be read; install refmask again"
            ) from error

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def classes(self) -> int:
        """Number of classes."""
        return int(self._arrays["profiles"].shape[1])

    def find(self, noun: str) -> str | None:
        """The table's word for a noun, which may be a compound, capitalised, hyphenated, plural."""
        words = split_words(noun)
        if word := self._singular(" ".join(words)):
            return word
        likely = "listed" if {*words[:1]} & DESCRIBING else "common"
        candidates = map(self._singular, spellings(words))
        return next((word for word in candidates if word and self._flag(likely, word)), None)

    def find_misspelt(self, word: str) -> str | None:
        """The only listed word that is one edit away from a word, or None."""
        if len(word) < LONG or word.endswith(INFLECTED):
            return None
        near = {slip for slip in slips(word) if self._flag("listed", slip)}
        return near.pop() if len(near) == 1 else None

    def is_thing(self, word: str) -> bool:
        """Whether a word of the table is mostly a noun."""
        return self._flag("things", word)

    def affinity(self, noun: str) -> FloatArray | None:
        """The affinity of a noun to each class.

        Returns:
            float32 (C,), 0 to 1; None for an unknown noun.
        """
        word = self.find(noun)
        if word is None:
            return None
        ends, row = self._arrays["row_ends"], self._rows[word]
        part = slice(ends[row - 1] if row else 0, ends[row])
        columns, values = self._arrays["columns"][part], _decoded(self._arrays["values"][part])
        own = columns < self.classes
        affinity = np.zeros(self.classes, np.float32)
        affinity[columns[own]] = values[own]
        profiles = _decoded(self._arrays["profiles"][columns[~own] - self.classes])
        return np.asarray(np.max([affinity, *(values[~own, None] * profiles)], axis=0), np.float32)

    def read(self, phrase: TargetPhrase) -> Reading:
        """See ``readings.read_phrase``."""
        return read_phrase(self, phrase)

    def _singular(self, noun: str) -> str | None:
        forms = (noun, *singulars(noun, self._plurals))
        return next((form for form in forms if form in self._rows), None)

    def _flag(self, name: str, word: str) -> bool:
        row = self._rows.get(word)
        return row is not None and bool(self._arrays[name][row])


@cache
def load_words() -> WordTable:
    """The table that ships with refmask, read once.

    Raises:
        MissingResource: when it cannot be read.
    """
    return WordTable.load(Path(str(files("refmask") / "assets" / "words" / FILE)))


def _lines(text: npt.NDArray[np.uint8]) -> list[str]:
    return text.tobytes().decode().splitlines()


def _decoded(values: npt.NDArray[np.uint8]) -> FloatArray:
    """Bytes to 0 to 1."""
    return np.square(values.astype(np.float32) / SCALE)
