"""What things look like to a network of the 1,000 ImageNet classes: reads ``looks.txt``."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from wordnet import Nouns

LOOKS_FILE = Path(__file__).with_name("looks.txt")
FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class _Line:
    """One line: the nouns it is about, and weights of names."""

    nouns: tuple[str, ...]
    weights: tuple[tuple[float, str], ...]


class Looks:
    """Hand-written associations of nouns with classes; the file's head says how to write them.

    Args:
        text: what ``looks.txt`` holds.
        nouns: WordNet.
        classes: WordNet offset of each class.

    Attributes:
        senses: the synset that photographs show, of those nouns whose line names a sense.

    Raises:
        ValueError: when a line or a name in it cannot be read.
    """

    def __init__(self, text: str, nouns: Nouns, classes: Sequence[int]) -> None:
        self._nouns = nouns
        self._classes = classes
        self._lines = [_line(line) for line in _joined(text)]
        self._words: dict[str, FloatArray] = {}
        self._kinds: dict[int, FloatArray] = {}
        self.senses: dict[str, int] = {}
        for line in self._lines:
            row = self._row(line)
            for noun in line.nouns:
                word = _word(noun)
                self._words[word] = np.maximum(row, self._words.get(word, 0))
                if "#" in noun:
                    self.senses[word] = self._find(noun.rstrip("*"))
                if noun.endswith("*"):
                    kind = self._find(noun[:-1])
                    self._kinds[kind] = np.maximum(row, self._kinds.get(kind, 0))

    @property
    def words(self) -> frozenset[str]:
        """The nouns that have a line."""
        return frozenset(self._words)

    def of_word(self, word: str) -> FloatArray | None:
        """Weights of a word's own lines, float32 (classes,), or None without any."""
        return self._words.get(word)

    def of_kind(self, offset: int) -> FloatArray | None:
        """Weights that a synset has from the lines of what it is a kind of, or None."""
        above = self._nouns.above(offset)
        rows = [row for kind, row in self._kinds.items() if kind in above]
        return np.max(rows, axis=0) if rows else None

    def _row(self, line: _Line) -> FloatArray:
        row = np.zeros(len(self._classes), np.float32)
        for weight, name in line.weights:
            if name.startswith("<"):
                row = np.maximum(row, weight * self._row(self._about(name.strip("<>"))))
            else:
                at = self._named.get(name) or self._under(name)
                row[at] = np.maximum(row[at], weight)
        return row

    def _about(self, noun: str) -> _Line:
        for line in self._lines:
            if noun in map(_word, line.nouns):
                return line
        raise ValueError(f"looks: no line is about {noun!r}; write one")

    @cached_property
    def _named(self) -> Mapping[str, list[int]]:
        """Classes by each of their lemmas."""
        found = defaultdict(list)
        for index, offset in enumerate(self._classes):
            for lemma in self._nouns.lemmas[offset]:
                found[lemma].append(index)
        return found

    def _under(self, name: str) -> list[int]:
        below = self._nouns.below(self._find(name))
        found = [index for index, offset in enumerate(self._classes) if offset in below]
        if not found:
            raise ValueError(f"looks: no class is a kind of {name!r}; name another")
        return found

    def _find(self, name: str) -> int:
        try:
            return self._nouns.find(name)
        except (KeyError, IndexError):
            raise ValueError(f"looks: WordNet has no noun {name!r}; correct it") from None


def _word(noun: str) -> str:
    """The bare word of "word#2*"."""
    return noun.rstrip("*").partition("#")[0]


def _joined(text: str) -> list[str]:
    """Lines without comments, each with its indented continuations."""
    lines: list[str] = []
    for line in text.splitlines():
        if line.startswith(" "):
            lines[-1] += f" {line.strip()}"
        elif line and line[0] != "#":
            lines.append(line)
    return lines


def _line(text: str) -> _Line:
    nouns, colon, rest = text.partition(": ")
    weights = []
    for group in rest.split(";"):
        match = re.fullmatch(r"\s*(\d(?:\.\d+)?) (.+)", group)
        if not colon or match is None:
            raise ValueError(f"looks: expected 'NOUN: WEIGHT name, name; ...', got {text!r}")
        weights += [(float(match[1]), name.strip()) for name in match[2].split(",")]
    return _Line(tuple(noun.strip() for noun in nouns.split(",")), tuple(weights))
