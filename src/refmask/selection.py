"""From scores to an answer: one thing, several, or none.

A null candidate competes with the proposals. How likely it is follows from how similar a proposal
is to the phrase's noun, and from how far that noun leads over common ones at the same proposal: the
noun of a thing that is there beats most other nouns somewhere in the image.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from refmask.methods.base import Method
from refmask.reading import Reading
from refmask.terms import THING, phrase_of, weigh_place
from refmask.terms.layout import sigmoid
from refmask.types import (
    BoolArray,
    ContextFeatures,
    FloatArray,
    ImageFeatures,
    IntArray,
    TargetPhrase,
)
from refmask.why import SIMILARITY

#: Common things in images: what the noun of a phrase is compared with.
COMMON = (
    *("person", "man", "woman", "child", "face", "hand", "hat", "shirt", "jacket", "trousers"),
    *("dress", "shoe", "dog", "cat", "horse", "cow", "sheep", "bird", "fish", "elephant", "bear"),
    *("car", "bus", "truck", "train", "bicycle", "motorcycle", "boat", "airplane", "wheel"),
    *("house", "building", "tower", "bridge", "fence", "wall", "window", "door", "roof", "stairs"),
    *("road", "sidewalk", "sign", "pole", "lamp", "tree", "flower", "grass", "leaf", "plant"),
    *("rock", "mountain", "water", "wave", "sand", "snow", "sky", "cloud", "sun", "table", "chair"),
    *("sofa", "bed", "shelf", "cabinet", "desk", "carpet", "curtain", "pillow", "bottle", "cup"),
    *("glass", "plate", "bowl", "fork", "knife", "spoon", "pan", "oven", "refrigerator", "sink"),
    *("toilet", "apple", "banana", "orange", "bread", "cake", "pizza", "sandwich", "meat", "salad"),
    *("vegetable", "phone", "computer", "keyboard", "screen", "television", "camera", "clock"),
    *("book", "paper", "picture", "bag", "box", "basket", "umbrella", "ball", "racket", "kite"),
    *("skateboard", "toy", "guitar", "floor", "shadow", "background", "pattern", "texture"),
)
#: Nouns that name no kind of thing.
ANYTHING = frozenset({THING, "thing", "one", "item", "something", "stuff"})
#: How a calibration is written whose presence is a guess.
GUESSED = " guessed"
#: What is there is there as likely as not, or likelier.
LIKELY = 0.5
#: Of several things each is as good as the best to so many nats of what the terms say,
AS_GOOD = 2.5
#: and as similar as the best to so many.
ALIKE = 3.0


@dataclass(frozen=True)
class Calibration:
    """What a model's scores mean, fitted by ``refmask calibrate``.

    Attributes:
        temperature: scores are divided by it before their softmax is a probability.
        similarity: weight of a noun's score in the log odds that a proposal shows it,
        contrast: of its lead over common nouns, and
        bias: what is added. At 0 half of such things are there.
        fitted: what it was fitted on; "" for a guess, which answers call "uncalibrated", and for
            which nothing is called absent.
        guessed: whether all but the temperature is a guess, so that nothing is called absent.
    """

    temperature: float = 1.0
    similarity: float = 0.0
    contrast: float = 1.0
    bias: float = 4.0
    fitted: str = ""
    guessed: bool = False

    def __str__(self) -> str:
        """Its numbers, for reports."""
        numbers = self.temperature, self.similarity, self.contrast, self.bias
        written = "/".join(f"{number:g}" for number in numbers)
        return written + GUESSED if self.guessed else written

    @classmethod
    def parse(cls, text: str) -> Calibration:
        """As ``str`` writes it; what it was fitted on is lost.

        Raises:
            ValueError: for another text.
        """
        guessed = text.endswith(GUESSED)
        temperature, similarity, contrast, bias = (
            float(number) for number in text.removesuffix(GUESSED).split("/")
        )
        return cls(temperature, similarity, contrast, bias, guessed=guessed)

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Calibration:
        """As a model's card or the configuration file has it; unknown keys are left out."""
        return cls(**{name: fields[name] for name in cls.__dataclass_fields__ if name in fields})


@dataclass(frozen=True, eq=False)
class Likeness:
    """What tells whether proposals show what a phrase names.

    Attributes:
        similarity: float32 (N,), the score of the phrase's noun.
        contrast: float32 (N,), its lead over common nouns.
        coloured: float32 (N,), 0 to 1, how likely each has the colours that the phrase names.
    """

    similarity: FloatArray
    contrast: FloatArray
    coloured: FloatArray

    def odds(self, calibration: Calibration) -> FloatArray:
        """Log odds that each proposal shows the noun, whatever its colour: (N,)."""
        told = calibration.similarity * self.similarity + calibration.contrast * self.contrast
        return np.asarray(told + calibration.bias)

    def presence(self, calibration: Calibration) -> FloatArray:
        """How likely each proposal shows what the phrase names: (N,), 0 to 1."""
        return np.asarray(sigmoid(self.odds(calibration)) * self.coloured, self.coloured.dtype)

    @property
    def rows(self) -> FloatArray:
        """Similarity, contrast and coloured of each proposal: float32 (N, 3)."""
        rows = np.stack([self.similarity, self.contrast, self.coloured], axis=1)
        return np.asarray(rows, np.float32)


@dataclass(frozen=True)
class Rules:
    """How many things an answer may be.

    Attributes:
        absent: whether none, where nothing shows what the phrase names.
        several: whether more than one, where the phrase asks for several.
        every: whether every thing that fits, also for a phrase in the singular.
    """

    absent: bool = True
    several: bool = True
    every: bool = False


#: Always one, as in the paper.
ONE = Rules(absent=False, several=False)
#: By name: what the phrase asks for, always one, or every thing that fits.
RULES = {"auto": Rules(), "one": ONE, "all": Rules(every=True)}


@dataclass(frozen=True, eq=False)
class Evidence:
    """What is known of N proposals and one phrase.

    Attributes:
        phrase: the phrase.
        scores: float32 (N,), the method's with all terms.
        standing: float32 (N,), what decides: the scores, or expected IoU.
        similarity: float32 (N,), the method's scores alone.
        terms: float64 (N,) by name, part of the scores.
        presence: float32 (N,), 0 to 1, how likely each shows what the phrase names; None where
            nothing can be told.
        note: why the scores mean nothing; None where they do.
        calibrated: whether the presence was fitted. A guess rules nothing out.
        likeness: what presence is computed from; None like it.
        landmarks: of each landmark the likeliest proposals.
    """

    phrase: TargetPhrase
    scores: FloatArray
    standing: FloatArray
    similarity: FloatArray
    terms: Mapping[str, FloatArray] = field(default_factory=dict)
    presence: FloatArray | None = None
    note: str | None = None
    calibrated: bool = True
    likeness: Likeness | None = None
    landmarks: Mapping[Reading, tuple[int, ...]] = field(default_factory=dict)


def parts_of(
    phrase: TargetPhrase, rules: Rules, weights: Mapping[str, float]
) -> list[TargetPhrase]:
    """What is asked for one by one: each of the things that a phrase joins.

    Their texts are the phrase's own where a text encoder understands all of it. Of several things
    the text names one, as a proposal shows one; what is excluded, and words of place that terms
    weigh, are left out.

    Args:
        phrase: as read.
        rules: how many things an answer may be.
        weights: of terms, by name.
    """
    reading = phrase.reading
    joined = reading.joined if rules.several else ()
    several = rules.several and reading.count != 1
    placed = weigh_place(weights, reading) and (reading.says_where or reading.excluded)
    if not (joined or several or placed):
        return [phrase]
    parts = (replace(reading, joined=()), *joined)
    return [replace(phrase_of(part), expression=phrase.expression) for part in parts]


def common_phrases() -> list[TargetPhrase]:
    """``COMMON``, each as a phrase."""
    return [_the(noun) for noun in COMMON]


def class_phrase(phrase: TargetPhrase) -> TargetPhrase | None:
    """The kind of thing that a phrase names, without its colour: "the car"; None for no kind."""
    reading = phrase.reading
    words = [phrase.head.lower()] if reading == Reading() else phrase_of(reading).text.split()
    words = [word for word in words if word not in reading.attributes]
    return _the(" ".join(words)) if words and words[-1] not in ANYTHING else None


def _the(noun: str) -> TargetPhrase:
    text = f"the {noun}"
    return TargetPhrase(text, text, text, noun.rpartition(" ")[2])


def likeness(
    method: Method,
    features: ImageFeatures,
    nouns: tuple[Sequence[TargetPhrase], ContextFeatures],
    common: ContextFeatures,
) -> list[Likeness]:
    """What tells whether each proposal shows what each noun names, whatever its colour.

    Args:
        method: scores them.
        features: of N proposals.
        nouns: T of them from ``class_phrase``, and their features.
        common: features of ``common_phrases``.
    """
    phrases, text = nouns
    other = np.array([[noun not in one.text.split() for noun in COMMON] for one in phrases])
    similarity, contrast = method.likeness(features, text, common, other)
    any_colour = np.ones(similarity.shape[1], np.float32)
    pairs = zip(similarity, contrast, strict=True)
    return [Likeness(own, lead, any_colour) for own, lead in pairs]


def best_rows(rows: FloatArray) -> FloatArray:
    """Those of ``Likeness.rows`` that no other surpasses in all three: float32 (P, 3).

    Whatever the weights of a calibration, unless below 0, one of these is the likeliest of all.
    """
    rows = np.unique(rows, axis=0)
    surpassed = (rows[:, None] <= rows[None]).all(axis=2).sum(axis=1) > 1
    return np.asarray(rows[~surpassed], np.float32)


def joined(phrase: TargetPhrase, parts: Sequence[Evidence]) -> Evidence:
    """The evidence for a phrase as a whole by that for its parts, at least one."""
    first = parts[0]
    note = next((part.note for part in parts if part.note), phrase.reading.not_understood)
    if len(parts) == 1:
        return replace(first, phrase=phrase, note=note)
    shown = [part.presence for part in parts if part.presence is not None]
    alike = [part.likeness.rows for part in parts if part.likeness is not None]
    return Evidence(
        phrase,
        np.max([part.scores for part in parts], axis=0),
        np.max([part.standing for part in parts], axis=0),
        first.similarity,
        first.terms,
        np.max(shown, axis=0) if shown else None,
        note,
        first.calibrated,
        _likeliest(alike, np.argmax(shown, axis=0)) if alike else None,
        {landmark: found for part in parts for landmark, found in part.landmarks.items()},
    )


def _likeliest(rows: Sequence[FloatArray], likely: IntArray) -> Likeness:
    """Of parts' rows, each proposal's of the part that it is likeliest to show."""
    return Likeness(*np.stack(rows)[likely, np.arange(len(likely))].T)


def shortfall(
    rules: Rules, parts: Sequence[Evidence], found: Sequence[tuple[int, ...]]
) -> str | None:
    """What is asked for and not found, in words; None where nothing is.

    Args:
        rules: how many things an answer may be.
        parts: of a phrase.
        found: what was selected for each.
    """
    for part, chosen in zip(parts, found, strict=True):
        count = part.phrase.reading.count
        if not chosen or not _is_shown(part):
            return f"nothing here looks like '{part.phrase.head}'"
        if rules.several and count and count > len(chosen):
            return f"{count} are asked for, {len(chosen)} found"
        if not rules.several and count != 1:
            return "it asks for several things, and one is given"
    return None


def _is_shown(evidence: Evidence) -> bool:
    """Whether any proposal is likely to show what the phrase names."""
    if evidence.presence is None or not evidence.calibrated:
        return True
    return bool(evidence.presence.max() >= LIKELY)


def select(rules: Rules, evidence: Evidence, same: Callable[[], BoolArray]) -> tuple[int, ...]:
    """The proposals that are the answer, the best first.

    Args:
        rules: how many there may be.
        evidence: of the phrase.
        same: tells which proposals draw one thing or a part of it, bool (N, N).

    Returns:
        Their indices; empty when nothing is what the phrase names.
    """
    order = np.argsort(-evidence.standing, kind="stable")
    if not len(order) or (rules.absent and not _is_shown(evidence)):
        return ()
    count = 0 if rules.every else evidence.phrase.reading.count
    if not rules.several or count == 1:
        return (int(order[0]),)
    things = _things(order, same())
    if count:
        things = things[:count]
    fitting = _fitting(evidence)[things]
    fitting[0] = True
    return tuple(int(thing) for thing in things[fitting])


def count_things(evidence: Evidence, same: Callable[[], BoolArray]) -> int | None:
    """How many things the image shows of the kind that a phrase names; None if that is unknown."""
    if evidence.presence is None:
        return None
    order = np.argsort(-evidence.standing, kind="stable")
    return len(_things(order[_of_kind(evidence)[order]], same()))


def _things(order: IntArray, same: BoolArray) -> IntArray:
    """One proposal for each thing, in order."""
    free = np.ones(len(same), np.bool_)
    chosen = []
    for proposal in order:
        if free[proposal]:
            chosen.append(proposal)
            free &= ~same[proposal]
    return np.array(chosen)


def _of_kind(evidence: Evidence) -> BoolArray:
    """Which proposals show what the phrase names about as well as the best: bool (N,)."""
    shown = np.ones(len(evidence.scores), np.bool_)
    if evidence.presence is not None:
        shown &= evidence.presence >= LIKELY
    most = evidence.similarity[shown].max(initial=-np.inf)
    return np.asarray(shown & (evidence.similarity >= most - ALIKE))


def _fitting(evidence: Evidence) -> BoolArray:
    """Which of these are as good as the best by what the terms say: bool (N,)."""
    fitting = _of_kind(evidence)
    told = evidence.scores - evidence.terms.get(SIMILARITY, evidence.scores)
    return np.asarray(fitting & (told >= told[fitting].max(initial=-np.inf) - AS_GOOD))
