"""What the method and the terms say about an image's proposals and phrases."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from refmask.methods.base import Method
from refmask.reading import Reading
from refmask.selection import Evidence, class_phrase, presence
from refmask.terms import NounScores, node_of, noun_phrases, phrase_of, values_of
from refmask.terms.colour import coloured
from refmask.terms.node import ImageEvidence
from refmask.types import FloatArray, ImageFeatures, TargetPhrase, unchanging
from refmask.why import SIMILARITY

if TYPE_CHECKING:
    from refmask.segmenter import Segmenter

#: What a proposal that surely is of another kind is given at least.
LEAST = 1e-3
#: How much of a similarity counts beside words of place.
TEMPER = 0.3

#: Float64 (N,) by the term's name, and the likeliest proposals of each landmark.
_Told = tuple[Mapping[str, FloatArray], Mapping[Reading, tuple[int, ...]]]
_SILENT: _Told = {}, {}


@dataclass(eq=False)
class Gatherer:
    """Gathers the evidence for phrases about one image.

    Attributes:
        segmenter: its terms and its calibration are used.
        method: encodes the texts; the segmenter's own, or the one that caches them.
        image: what terms compute of the image and its N proposals.
        features: of the proposals. What phrases need to know of them is added, and stays.
        standing: what decides, float32 (N,), by the scores.
    """

    segmenter: Segmenter
    method: Method
    image: ImageEvidence
    features: ImageFeatures
    standing: Callable[[FloatArray], FloatArray]

    def gather(self, phrases: Sequence[TargetPhrase], count: int) -> list[Evidence]:
        """The evidence for each phrase.

        Args:
            phrases: T of them.
            count: N, of the proposals.
        """
        text = self.method.encode_text(phrases)
        told = self._terms(phrases) if count else [_SILENT for _ in phrases]
        none = np.zeros(count, np.float32)
        added = np.array([sum(terms.values(), none) for terms, _ in told], np.float32)
        added = added.reshape(len(phrases), count)
        self.features = self.method.focus(self.features, text, added)
        similarity = self.method.score(self.features, text, added) - added
        notes = self.method.unknown(phrases)
        shown = self._presence(phrases) if count else [None] * len(phrases)
        found = []
        for phrase, own, more, (terms, landmarks), likely, note in zip(
            phrases, similarity, added, told, shown, notes, strict=True
        ):
            alike = tempered(own, likely) if phrase.reading.is_placed and terms else own
            scores = unchanging(np.asarray(alike + more, np.float32))
            named = {SIMILARITY: alike, **terms}
            standing = self.standing(scores)
            fitted = self.segmenter.calibrated
            row = phrase, scores, standing, own, named, likely, note, fitted, landmarks
            found.append(Evidence(*row))
        return found

    def _terms(self, phrases: Sequence[TargetPhrase]) -> list[_Told]:
        """What each term says about each phrase, and where its landmarks are."""
        weights = {name: weight for name, weight in self.segmenter.terms.items() if weight}
        if not weights:
            return [_SILENT for _ in phrases]
        nouns = self._noun_scores(weights, phrases)
        nodes = [node_of(weights, self.image, phrase, nouns) for phrase in phrases]
        return [(values_of(weights, node), node.likeliest) for node in nodes]

    def _noun_scores(
        self, weights: Mapping[str, float], phrases: Sequence[TargetPhrase]
    ) -> NounScores:
        """How far each proposal shows the nouns that the phrases' terms need, by the method.

        It is how likely it shows the noun, where that can be told; the words that describe it
        tell one of the kind from another.
        """
        needed = {noun.text: noun for phrase in phrases for noun in noun_phrases(weights, phrase)}
        nouns = list(needed.values())
        if not nouns:
            return lambda _: None
        text = self.method.encode_text(nouns)
        self.features = self.method.focus(self.features, text)
        scores = self.method.score(self.features, text)
        known = {}
        for noun, row, likely, reason in zip(
            nouns, scores, self._presence(nouns), self.method.unknown(nouns), strict=True
        ):
            if reason is None:
                described = likely is None or noun.text != noun.head
                relative = np.exp(row - row.max()) if described else np.ones_like(row)
                known[noun.text] = relative if likely is None else relative * likely
        return lambda phrase: known.get(phrase_of(phrase.reading).text)

    def _presence(self, phrases: Sequence[TargetPhrase]) -> list[FloatArray | None]:
        """How likely each proposal shows what each phrase names, float32 (N,); None if unknown."""
        calibration, found = self.segmenter.calibration, dict[TargetPhrase, FloatArray]()
        named = [class_phrase(phrase) for phrase in phrases]
        nouns = list(dict.fromkeys(noun for noun in named if noun is not None))
        if calibration is not None and nouns:
            texts = nouns, self.method.encode_text(nouns)
            common = self.segmenter.common
            shown = presence(calibration, self.method, self.features, texts, common)
            rows = zip(nouns, shown, self.method.unknown(nouns), strict=True)
            found = {noun: row for noun, row, reason in rows if reason is None}
        return [
            None if noun is None or noun not in found else self._qualified(found[noun], phrase)
            for phrase, noun in zip(phrases, named, strict=True)
        ]

    def _qualified(self, shown: FloatArray, phrase: TargetPhrase) -> FloatArray:
        """How likely each proposal is of this kind and has the phrase's colour."""
        if not self.segmenter.terms.get("colour"):
            return shown
        return np.asarray(shown * coloured(phrase.reading, self.image), np.float32)


def tempered(similarity: FloatArray, shown: FloatArray | None) -> FloatArray:
    """A method's scores beside words of place: float32 (N,).

    What is surely of the kind is all the same to them, however similar it is: a text encoder that
    does not read place tells two of a kind apart by chance.

    Args:
        similarity: float32 (N,), the scores.
        shown: float32 (N,), 0 to 1, how likely each is of the kind; None where nothing can be told.
    """
    if shown is None:
        return similarity
    return np.asarray(np.log(shown + LEAST) + TEMPER * (similarity - similarity.max()), np.float32)
