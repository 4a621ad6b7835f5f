"""Systems under evaluation: a segmenter, or anything else that answers all queries of an image."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from refmask.answer import Segmentation
from refmask.compat import Compat
from refmask.errors import ExpressionError, RefmaskWarning
from refmask.evaluation.record import Record, query_record
from refmask.evaluation.sources import ProposalSource
from refmask.fingerprint import Fingerprint, of_system, of_versions
from refmask.metrics import ImageOverlaps
from refmask.scene import Scene
from refmask.segmenter import Segmenter
from refmask.selection import ONE, best_rows
from refmask.types import BoolArray, Query, Sample

#: Decimals of scores in records: further ones differ between machines.
DIGITS = 4


class System(Protocol):
    """Answers queries."""

    @property
    def compat(self) -> Compat:
        """The rules of the evaluation."""
        ...

    @property
    def configuration(self) -> Fingerprint:
        """What its answers depend on."""
        ...

    def answer(self, sample: Sample) -> list[Record]:
        """One record per query of the image, in their order.

        Raises:
            InputError: when the image or an expression cannot be used.
        """
        ...

    def check_asked(self, queries: Iterable[str]) -> None:
        """Check the query ids of a whole split, once all are answered.

        Raises:
            InputError: when the system was made for other queries.
        """
        ...


@dataclass(frozen=True)
class SegmenterSystem:
    """A segmenter that chooses among the masks of a source.

    Attributes:
        segmenter: its own proposer is not used.
        source: where the proposals come from.
    """

    segmenter: Segmenter
    source: ProposalSource

    @property
    def compat(self) -> Compat:
        """The method's compatibility record."""
        return self.segmenter.method.compat

    @cached_property
    def configuration(self) -> Fingerprint:
        """Method, model, parser, proposals and versions."""
        proposals = Fingerprint(self.source.configuration()).under("proposals.")
        system = Fingerprint({"system": "refmask"}) | of_system(
            self.segmenter.method, self.segmenter.choice, self.segmenter.parser
        )
        return system | proposals | of_versions()

    def answer(self, sample: Sample) -> list[Record]:
        """Encode the image once and answer all its expressions.

        An expression that cannot be used, such as an empty one, gets a record with a "reason" and
        no answer, and a RefmaskWarning.

        Raises:
            InputError: when the proposer refuses the image.
        """
        any_number = sample.may_be_absent or sample.may_be_several
        segmenter = self.segmenter if any_number else self._answering_one
        scene = segmenter.look(sample.image, self.source.propose(sample))
        answers = _answers(scene, [query.expression for query in sample.queries])
        overlaps = ImageOverlaps(scene.proposals, sample.instances)
        return [_record(sample, number, answer, overlaps) for number, answer in enumerate(answers)]

    @cached_property
    def _answering_one(self) -> Segmenter:
        """The segmenter for data sets whose expressions refer to one thing each."""
        return self.segmenter.varied(rules=ONE)

    def check_asked(self, queries: Iterable[str]) -> None:
        """Nothing to check: a segmenter answers any query."""


def _answers(scene: Scene, expressions: list[str]) -> list[Segmentation | str]:
    """The answer to each expression, or the reason why it cannot be used.

    All expressions go in one batch, and one by one if one of them is faulty. Text features are not
    cached: they differ by rounding with the texts in their batch, and a resumed run must equal an
    uninterrupted one.
    """
    try:
        phrases = scene.segmenter.parser(expressions)
        return list(scene.find_phrases(phrases, afresh=True))
    except ExpressionError as error:
        if len(expressions) == 1:
            return [str(error)]
        return [answer for text in expressions for answer in _answers(scene, [text])]


def _record(
    sample: Sample, number: int, answer: Segmentation | str, overlaps: ImageOverlaps
) -> Record:
    """The record of an answer, or of the reason why there is none."""
    query = sample.queries[number]
    if isinstance(answer, str):
        fields, absent = _without_answer(sample, query, answer), False
        chosen: tuple[int, ...] = ()
        mask: BoolArray = np.zeros(sample.image.shape[:2], np.bool_)
    else:
        fields, absent = _answer_fields(answer), answer.absent
        chosen, mask = answer.chosen, answer.mask
    if query.targets is None:
        row = overlaps.row(query.target, chosen, query.instance, query.also_right)
        return query_record(sample, number, fields, row, mask)
    row, ious = overlaps.row_of_set(query.target, chosen, query.targets)
    fields |= {"instances": list(chosen), "absent": absent}
    fields["target_ious"] = [round(value, DIGITS) for value in ious]
    return query_record(sample, number, fields, row, mask)


def _without_answer(sample: Sample, query: Query, reason: str) -> dict[str, Any]:
    warnings.warn(
        f"sentence {query.id} of image {sample.id} counts as without an answer: {reason}",
        RefmaskWarning,
        stacklevel=3,
    )
    return {
        "noun_phrase": "",
        "head": "",
        "chosen": None,
        "scores": [],
        "confidence": None,
        "margin": 0.0,
        "drawings": [],
        "likeness": None,
        "reason": reason,
    }


def _answer_fields(answer: Segmentation) -> dict[str, Any]:
    confidence = answer.confidence
    return {
        "noun_phrase": answer.why.phrase.noun_phrase,
        "head": answer.why.phrase.head,
        "chosen": answer.best,
        "scores": [round(float(score), DIGITS) for score in answer.scores],
        "confidence": None if confidence is None else round(confidence, DIGITS),
        "margin": round(answer.why.margin, DIGITS),
        "drawings": [] if answer.drawings is None else np.flatnonzero(answer.drawings).tolist(),
        "likeness": _likeness(answer),
    }


def _likeness(answer: Segmentation) -> dict[str, Any] | None:
    """Rows of ``Likeness`` as calibration needs them: of the chosen, and of the likeliest."""
    if answer.likeness is None:
        return None
    rows = {"chosen": answer.likeness[list(answer.chosen)], "best": best_rows(answer.likeness)}
    return {name: np.round(values.astype(float), DIGITS).tolist() for name, values in rows.items()}
