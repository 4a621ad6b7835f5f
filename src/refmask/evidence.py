"""What the method and the terms say about an image's proposals and phrases."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from refmask.methods.base import Method
from refmask.reading import Reading
from refmask.selection import LIKELY, Evidence, Likeness, class_phrase, likeness, parts_of
from refmask.terms import NounScores, node_of, noun_phrases, phrase_of, values_of, weigh_place
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


def texts_of(segmenter: Segmenter, phrases: Sequence[TargetPhrase]) -> list[TargetPhrase]:
    """All that is encoded to answer phrases: their parts, and the nouns of things in them."""
    weights = {name: weight for name, weight in segmenter.terms.items() if weight}
    found = dict[TargetPhrase, None]()
    for phrase in phrases:
        for part in parts_of(phrase, segmenter.rules, weights):
            things = [part, *noun_phrases(weights, part)]
            kinds = [class_phrase(thing) for thing in things] if segmenter.calibration else []
            found |= dict.fromkeys([*things, *(kind for kind in kinds if kind is not None)])
    return list(found)


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
        alike = self._likeness(phrases) if count else [None] * len(phrases)
        found = []
        fitted = self.segmenter.rules_out
        for phrase, own, more, (terms, landmarks), like, note in zip(
            phrases, similarity, added, told, alike, notes, strict=True
        ):
            likely = self._presence(like)
            placed = weigh_place(self.segmenter.terms, phrase.reading)
            similar = tempered(own, likely) if placed else own
            scores = unchanging(np.asarray(similar + more, np.float32))
            named = {SIMILARITY: similar, **terms}
            standing = self.standing(scores)
            row = phrase, scores, standing, own, named, likely, note, fitted, like, landmarks
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
        needed = {_key(noun): noun for phrase in phrases for noun in noun_phrases(weights, phrase)}
        nouns = list(needed.values())
        if not nouns:
            return lambda _: None
        text = self.method.encode_text(nouns)
        self.features = self.method.focus(self.features, text)
        scores = self.method.score(self.features, text)
        known = {}
        for noun, row, like, reason in zip(
            nouns, scores, self._likeness(nouns), self.method.unknown(nouns), strict=True
        ):
            if reason is None:
                likely = self._presence(like)
                described = likely is None or noun.text != noun.head
                relative = np.exp(row - row.max()) if described else np.ones_like(row)
                known[_key(noun)] = relative if likely is None else relative * likely
        return lambda phrase: known.get(_key(phrase_of(phrase.reading)))

    def _presence(self, like: Likeness | None) -> FloatArray | None:
        """How likely each proposal shows what a phrase names, float32 (N,); None if unknown."""
        calibration = self.segmenter.calibration
        return None if like is None or calibration is None else like.presence(calibration)

    def _likeness(self, phrases: Sequence[TargetPhrase]) -> list[Likeness | None]:
        """What tells whether proposals show what each phrase names; None if unknown."""
        found = dict[TargetPhrase, Likeness]()
        named = [class_phrase(phrase) for phrase in phrases]
        nouns = list(dict.fromkeys(noun for noun in named if noun is not None))
        if self.segmenter.calibration is not None and nouns:
            texts = nouns, self.method.encode_text(nouns)
            alike = likeness(self.method, self.features, texts, self.segmenter.common)
            rows = zip(nouns, alike, self.method.unknown(nouns), strict=True)
            found = {noun: like for noun, like, reason in rows if reason is None}
        return [
            None if noun is None or noun not in found else self._qualified(found[noun], phrase)
            for phrase, noun in zip(phrases, named, strict=True)
        ]

    def _qualified(self, like: Likeness, phrase: TargetPhrase) -> Likeness:
        """The likeness to a noun with how likely each proposal has the phrase's colour."""
        if not self.segmenter.terms.get("colour"):
            return like
        has_colour = like.coloured * coloured(phrase.reading, self.image)
        return replace(like, coloured=np.asarray(has_colour, np.float32))


def _key(noun: TargetPhrase) -> tuple[str, tuple[str, ...]]:
    """A noun by itself and its colours, which need not be in its noun phrase: "man in red"."""
    return noun.text, noun.reading.attributes


def tempered(similarity: FloatArray, shown: FloatArray | None) -> FloatArray:
    """A method's scores beside words of place: float32 (N,).

    What is likelier than not of the kind is all the same to them, however similar it is: a text
    encoder that does not read place tells two of a kind apart by chance.

    Args:
        similarity: float32 (N,), the scores.
        shown: float32 (N,), 0 to 1, how likely each is of the kind; None where nothing can be told.
    """
    if shown is None:
        return similarity
    of_kind = np.log(np.minimum(shown / LIKELY, 1) + LEAST)
    return np.asarray(of_kind + TEMPER * (similarity - similarity.max()), np.float32)
