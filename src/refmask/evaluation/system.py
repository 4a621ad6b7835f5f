"""What is evaluated: anything that answers all queries of an image."""

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
from refmask.types import BoolArray, Sample

#: Digits after the point of scores in records: more differ between machines.
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
        """Raise InputError when all these, a whole split's ids, are not what was expected."""
        ...


@dataclass(frozen=True)
class SegmenterSystem:
    """A segmenter that chooses among the masks of a source.

    Attributes:
        segmenter: its own proposer is not asked.
        source: where the proposals come from.
    """

    segmenter: Segmenter
    source: ProposalSource

    @property
    def compat(self) -> Compat:
        """The method's record."""
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
        """Look at the image once, ask all its expressions.

        The record of an expression that cannot be asked, such as an empty one, has a "reason" and
        no answer; a RefmaskWarning tells of it.

        Raises:
            InputError: when the proposer refuses the image.
        """
        scene = self.segmenter.look(sample.image, self.source.propose(sample))
        answers = _answers(scene, [query.expression for query in sample.queries])
        overlaps = ImageOverlaps(scene.proposals, sample.instances)
        return [_record(sample, number, answer, overlaps) for number, answer in enumerate(answers)]

    def check_asked(self, queries: Iterable[str]) -> None:
        """A segmenter answers whatever is asked."""


def _record(
    sample: Sample, number: int, answer: Segmentation | str, overlaps: ImageOverlaps
) -> Record:
    """The record of an answer, or of the reason why there is none."""
    query = sample.queries[number]
    if isinstance(answer, str):
        told, best = _unheard(sample, number, answer), None
        mask: BoolArray = np.zeros(sample.image.shape[:2], np.bool_)
    else:
        told, best, mask = _told(answer), answer.best, answer.mask
    row = overlaps.row(query.target, best, query.instance, query.also_right)
    return query_record(sample, number, told, row, mask)


def _answers(scene: Scene, expressions: list[str]) -> list[Segmentation | str]:
    """All at once; one by one where one of them is faulty, which has the reason for its answer.

    The cache of texts is passed by: a text's features differ by rounding with the texts beside it,
    and a run that is resumed must end as an unbroken one.
    """
    try:
        phrases = scene.segmenter.parser(expressions)
        return list(scene.find_phrases(phrases, scene.segmenter.method.encode_text(phrases)))
    except ExpressionError as error:
        if len(expressions) == 1:
            return [str(error)]
        return [found for one in expressions for found in _answers(scene, [one])]


def _unheard(sample: Sample, number: int, reason: str) -> dict[str, Any]:
    query = sample.queries[number]
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
        "reason": reason,
    }


def _told(answer: Segmentation) -> dict[str, Any]:
    belief = answer.confidence
    return {
        "noun_phrase": answer.why.phrase.noun_phrase,
        "head": answer.why.phrase.head,
        "chosen": answer.best,
        "scores": [round(float(score), DIGITS) for score in answer.scores],
        "confidence": None if belief is None else round(belief, DIGITS),
        "margin": round(answer.why.margin, DIGITS),
    }
