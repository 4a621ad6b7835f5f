"""Choice among given boxes whose categories are known: what language and geometry decide alone.

Each line of a file is one expression: ``width`` and ``height`` of the image, ``boxes`` (XYXY
pixels) of all its instances, their ``categories``, the ``expression`` and the ``target``'s number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from refmask.answer import softmax
from refmask.classifier.words import WordTable
from refmask.errors import ExpressionError, InputError
from refmask.metrics.reliability import Bins
from refmask.ops.reading import MISSHAPEN, in_short, parse_json, read_bytes, read_gzip
from refmask.terms import SAME_KIND, evidence, phrase_of
from refmask.terms.layout import Layout
from refmask.terms.node import LEAST, ImageEvidence
from refmask.text.words import checked_expression
from refmask.types import FloatArray, MaskProposals, TargetPhrase

#: A noun names no category that it resembles less than this.
RESEMBLING = 0.15
#: What pronouns and the like stand for.
PERSONS = frozenset({"him", "her", "he", "she", "they", "them", "who", "his", "their"})
#: Without a noun ("second from left"), categories count by how many of them there are.
NO_NOUN, ENOUGH = 10.0, 2.0
#: Weight of the prior on areas by preset: targets of these data sets are large.
PRIORS = {"refcoco": 2.0, "refcoco+": 2.0}
#: Confidence is a softmax of scores divided by it; the likeliest on RefCOCO val, where no prior
#: gives 0.92 and the preset 0.86.
TEMPERATURE = 0.87
#: Scores that differ by less are the same.
TIED = 1e-9


@dataclass(frozen=True, eq=False)
class BoxQuery:
    """One expression among the boxes of an image.

    Attributes:
        expression: as written.
        boxes: float64 (N, 4), XYXY in the unit square.
        categories: N names.
        target: which box is right.
    """

    expression: str
    boxes: FloatArray
    categories: tuple[str, ...]
    target: int

    @cached_property
    def evidence(self) -> ImageEvidence:
        """For terms that ask for boxes alone."""
        nothing = np.zeros((1, 1, 3), np.uint8)
        return ImageEvidence(nothing, MaskProposals.empty(1, 1), {Layout.of: Layout(self.boxes)})


def read_boxes(path: Path) -> Iterator[BoxQuery]:
    """The queries of a ``.jsonl`` or ``.jsonl.gz`` file, in order.

    Raises:
        InputError: when the file cannot be read, or a line is none such.
    """
    read = read_gzip if path.suffix == ".gz" else read_bytes
    for number, line in enumerate(read(path, "expressions about boxes").splitlines(), 1):
        where = f"line {number} of {path}"
        try:
            yield _query(parse_json(line, where))
        except MISSHAPEN as error:
            raise InputError(
                f"{where} is no expression about boxes ({in_short(error)}); see docs/places.md for "
                "the fields"
            ) from error


def _query(fields: Any) -> BoxQuery:
    size = [float(fields["width"]), float(fields["height"])] * 2
    if min(size) <= 0:
        raise ValueError(f"an image of {size[0]}x{size[1]} pixels")
    boxes = np.asarray(fields["boxes"], np.float64) / size
    categories, target = tuple(fields["categories"]), fields["target"]
    if not isinstance(target, int):
        raise TypeError(f"target {target!r}")
    if boxes.shape != (len(categories), 4) or not 0 <= target < len(boxes):
        raise ValueError(f"{len(categories)} categories, boxes {boxes.shape}, target {target}")
    expression = fields["expression"]
    if not all(isinstance(text, str) for text in (expression, *categories)):
        raise ValueError("the expression and the categories are texts")
    if not np.isfinite(boxes).all():
        raise ValueError("boxes are finite numbers")
    return BoxQuery(expression, boxes, categories, target)


class Categories:
    """How far boxes of known categories are what nouns name, by the table of words."""

    def __init__(self, table: WordTable) -> None:
        self._table = table
        self._nouns: dict[tuple[str, str, str], FloatArray | None] = {}
        self._names: dict[str, FloatArray | None] = {}

    def scores(self, phrase: TargetPhrase, categories: Sequence[str]) -> FloatArray | None:
        """float64 (N,), 0 to 1, 1 for the likeliest; None where the noun names none of them."""
        noun = self._noun(phrase)
        if noun is None:
            return None
        found = np.array([self._alike(noun, name) for name in categories])
        return found / found.max() if found.max(initial=0) > RESEMBLING else None

    def _noun(self, phrase: TargetPhrase) -> FloatArray | None:
        key = phrase.text, phrase.noun_phrase, phrase.head
        if key not in self._nouns:
            if phrase.head in PERSONS:
                self._nouns[key] = self._table.affinity("person")
            else:
                reading = self._table.read(phrase)
                self._nouns[key] = reading.noun if reading.word else None
        return self._nouns[key]

    def _alike(self, noun: FloatArray, name: str) -> float:
        if name not in self._names:
            self._names[name] = self._table.affinity(name)
        category = self._names[name]
        if category is None or not category.any() or not noun.any():
            return 0.0
        return float(noun @ category / np.sqrt((noun @ noun) * (category @ category)))


def box_scores(
    query: BoxQuery,
    phrase: TargetPhrase,
    categories: Categories,
    weights: Mapping[str, float],
    prior: float = 0.0,
) -> FloatArray:
    """Logits of the boxes, in nats: float64 (N,).

    Args:
        query: boxes and categories.
        phrase: the expression as read.
        categories: finds nouns among them.
        weights: of terms.
        prior: weight of the prior on areas; RefCOCO's targets are large.
    """

    def nouns(noun: TargetPhrase) -> FloatArray | None:
        if not noun.reading.noun or noun.reading.noun in SAME_KIND:
            return None
        return categories.scores(phrase_of(noun.reading), query.categories)

    shown = nouns(phrase)
    count = len(query.categories)
    layout = query.evidence.get(Layout.of)
    scores = np.log(np.maximum(np.ones(count) if shown is None else shown, LEAST))
    if not phrase.reading.noun:
        names = np.array(query.categories)
        among = (names[:, None] == names) @ layout.noticed
        scores = scores + NO_NOUN * np.log(0.3 + np.minimum(ENOUGH, among))
    values = evidence(weights, query.evidence, phrase, nouns)
    total: FloatArray = np.sum([scores, *values.values()], axis=0)
    return np.asarray(total + prior * np.log(layout.noticed + 1e-9))


def box_records(
    queries: Sequence[BoxQuery],
    parse: Callable[[Sequence[str]], list[TargetPhrase]],
    categories: Categories,
    weights: Mapping[str, float],
    prior: float = 0.0,
    noise: float = 0.0,
    seed: int = 0,
) -> Iterator[dict[str, Any]]:
    """One record for each query: the chosen box, its confidence, and how the expression was read.

    Of boxes that share the best score the first in the file is chosen. "by_chance" tells how likely
    one of them at random is right.

    Args:
        queries: asked in this order.
        parse: reads expressions.
        categories: finds nouns.
        weights: of terms.
        prior: weight of the prior on areas.
        noise: nats of normal noise added to every score.
        seed: of the noise.
    """
    rng = np.random.default_rng(seed)
    for start in range(0, len(queries), 1024):
        some = queries[start : start + 1024]
        phrases = _read([query.expression for query in some], parse)
        for query, phrase in zip(some, phrases, strict=True):
            scores = box_scores(query, phrase, categories, weights, prior)
            scores = scores + rng.normal(0, noise, len(scores)) if noise else scores
            best = int(scores.argmax())
            tied = scores >= scores[best] - TIED
            yield {
                "expression": query.expression,
                "target": query.target,
                "chosen": best,
                "right": best == query.target,
                "by_chance": round(float(tied[query.target] / tied.sum()), 4),
                "tied": int(tied.sum()),
                "confidence": round(float(softmax(scores / TEMPERATURE)[best]), 4),
                "reading": str(phrase.reading),
                "kinds": sorted(kinds_of(phrase)),
            }


def _read(
    expressions: Sequence[str], parse: Callable[[Sequence[str]], list[TargetPhrase]]
) -> list[TargetPhrase]:
    """Each expression as read; one that cannot be, such as an empty one, says nothing."""
    readable = [text for text in expressions if _is_readable(text)]
    phrases = dict(zip(readable, parse(readable), strict=True))
    return [phrases.get(text, TargetPhrase(text, text, text, "")) for text in expressions]


def _is_readable(expression: str) -> bool:
    try:
        checked_expression(expression)
    except ExpressionError:
        return False
    return True


def kinds_of(phrase: TargetPhrase) -> set[str]:
    """What an expression says beside its noun: kinds of cues, and "relation"."""
    reading = phrase.reading
    kinds = {cue.kind for cue in reading.cues}
    return kinds | ({"relation"} if reading.relations else set())


def box_summary(records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Shares of right choices, overall and by what expressions say, and the calibration error.

    Args:
        records: from ``box_records``.

    Returns:
        "all", "spatial" (something beside the noun is said), "tied" (several boxes share the best
        score) and each kind, as "right", "by_chance" (0 to 1, the same with a random one of the
        tied boxes) and "expressions"; and "ece" and "ece_by_chance", the expected calibration
        errors of the two.
    """
    groups: dict[str, list[Mapping[str, Any]]] = {"all": [], "spatial": [], "tied": []}
    for record in records:
        more = {"all": True, "spatial": record["kinds"], "tied": record["tied"] > 1}
        for name in [*(name for name, holds in more.items() if holds), *record["kinds"]]:
            groups.setdefault(name, []).append(record)
    found: dict[str, Any] = {
        name: {
            **{share: _mean(group, share) for share in ("right", "by_chance")},
            "expressions": len(group),
        }
        for name, group in groups.items()
        if group
    }
    confidence = np.array([record["confidence"] for record in records], np.float64)
    for name, share in (("ece", "right"), ("ece_by_chance", "by_chance")):
        right = np.array([record[share] for record in records], np.float64)
        found[name] = round(Bins(confidence, right).ece, 4)
    return found


def _mean(records: Sequence[Mapping[str, Any]], name: str) -> float:
    return round(float(np.mean([record[name] for record in records])), 4)
