"""How far each class is what a noun names: by WordNet, by sentence vectors, by looks.

After ConSE (Norouzi et al., ICLR 2014) and DeViSE (Frome et al., NIPS 2013); Lin's similarity
(ICML 1998) with Seco's information content (ECAI 2004).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt

from looks import Looks
from wordnet import Nouns

FloatArray = npt.NDArray[np.float32]
#: A noun's senses count less the later they stand, and so many of them count at all.
FADING, SENSES = 0.6, 5
#: Added to each sense's count in tagged text.
SMOOTHING = 0.5
#: What senses that photographs seldom show count: all but that which ``looks.txt`` names, and
#: people who are called like something else.
OTHER_SENSES = 0.25
#: Affinity is the greatest of kinship, SIMILARITY * similarity ** SHARPNESS and cosine ** POWER.
SIMILARITY, SHARPNESS, POWER = 0.5, 6, 4


class Kinship:
    """Nouns and their senses against the classes.

    Args:
        nouns: WordNet.
        classes: WordNet offset of each of the C classes.
        looks: hand-written associations.
    """

    def __init__(self, nouns: Nouns, classes: Sequence[int], looks: Looks) -> None:
        self.nouns = nouns
        self.classes = classes
        self.looks = looks
        self._rows: dict[int, tuple[FloatArray, FloatArray]] = {}

    @cached_property
    def physical(self) -> frozenset[int]:
        """Kinds of things that can be seen: physical ones, and whatever is a kind of a class."""
        roots = [self.nouns.find("physical entity"), *self.classes]
        found = frozenset[int]().union(*map(self.nouns.below, roots))
        return found - self.nouns.instances

    @cached_property
    def names(self) -> frozenset[str]:
        """All names of all classes, in lower case."""
        return frozenset(n.lower() for offset in self.classes for n in self.nouns.lemmas[offset])

    def words(self) -> list[str]:
        """All nouns with a physical sense, and those that ``looks.txt`` speaks of; sorted."""
        seen = {word for word, senses in self.nouns.senses.items() if self.physical & {*senses}}
        return sorted(seen | self.looks.words)

    def senses(self, word: str) -> list[tuple[int, float]]:
        """A noun's physical senses, each with what it counts: 1 for the most common.

        ``FADING`` ** rank, times how often it is met, over how often the most common one is; less
        where photographs rather show another one.
        """
        counts = self.nouns.counts.get(word, {})
        seen = {
            offset: counts.get(number, 0) + SMOOTHING
            for number, offset in enumerate(self.nouns.senses.get(word, ()), 1)
            if offset in self.physical
        }
        ranked = list(seen.items())[:SENSES]
        most = max((count for _, count in ranked), default=1)
        weights = {
            offset: FADING**rank * count / most for rank, (offset, count) in enumerate(ranked)
        }
        chosen = self.looks.senses.get(word)
        doubted = self._nicknames(seen) if chosen is None else {*weights}
        for offset in doubted & weights.keys():
            weights[offset] *= OTHER_SENSES
        return list((weights if chosen is None else weights | {chosen: 1.0}).items())

    def _nicknames(self, counts: dict[int, float]) -> set[int]:
        """Of a noun's senses, people who are called so like something else: a tiger, a toaster."""
        people = self.people & counts.keys()
        rare = {offset for offset in people if counts[offset] == SMOOTHING}
        return rare if people < counts.keys() else set()

    @cached_property
    def people(self) -> frozenset[int]:
        """Kinds of people."""
        return self.nouns.below(self.nouns.find("person"))

    def by_wordnet(self, word: str) -> FloatArray:
        """Kinship and similarity of a noun's senses to the classes, float32 (C,), 0 to 1."""
        row = np.zeros(len(self.classes), np.float32)
        for offset, weight in self.senses(word):
            kinds, similarity = self._sense(offset)
            row = np.maximum(row, weight * np.maximum(kinds, SIMILARITY * similarity**SHARPNESS))
        return row

    def _sense(self, offset: int) -> tuple[FloatArray, FloatArray]:
        """1 for the classes that are kinds of a synset; Lin's similarity to each."""
        if offset not in self._rows:
            shared = np.zeros(len(self.classes), np.float32)
            above = self.nouns.above(offset) & self._under.keys()
            for common in sorted(above, key=self._information.__getitem__):
                shared[self._under[common]] = self._information[common]
            total = self.nouns.information(offset) + self._class_information
            kinds = np.zeros(len(self.classes), np.float32)
            kinds[self._under.get(offset, [])] = 1
            self._rows[offset] = kinds, np.asarray(2 * shared / total, np.float32)
        return self._rows[offset]

    @cached_property
    def _under(self) -> dict[int, list[int]]:
        """The classes under each synset that has any."""
        found: dict[int, list[int]] = {}
        for index, offset in enumerate(self.classes):
            for above in self.nouns.above(offset):
                found.setdefault(above, []).append(index)
        return found

    @cached_property
    def _information(self) -> dict[int, float]:
        return {offset: self.nouns.information(offset) for offset in self._under}

    @cached_property
    def _class_information(self) -> FloatArray:
        return np.array([self._information[offset] for offset in self.classes], np.float32)


def by_vectors(words: FloatArray, classes: FloatArray) -> FloatArray:
    """Cosines of vectors from which the classes' mean is subtracted, raised to ``POWER``.

    Args:
        words: float32 (W, D).
        classes: float32 (C, D).

    Returns:
        float32 (W, C), 0 to 1.
    """
    mean = classes.mean(axis=0)
    ours, theirs = (
        (rows - mean) / np.linalg.norm(rows - mean, axis=1, keepdims=True)
        for rows in (words, classes)
    )
    return np.asarray(np.maximum(ours @ theirs.T, 0) ** POWER, np.float32)
