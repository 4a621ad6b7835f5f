"""The answer to an expression: its mask, its reasons, and how far to trust it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np

from refmask.errors import MissingResource
from refmask.ops import rle
from refmask.provenance import Provenance
from refmask.types import BoolArray, FloatArray, MaskProposals, sealed
from refmask.why import Why

if TYPE_CHECKING:
    from supervision import Detections

#: Proposals with at least this IoU are about the same thing, drawn a little differently.
SAME_THING = 0.5

#: Why an answer is unsure, beside what ``Why.note`` tells.
NO_REGIONS, ONE_REGION, LOW = "no regions", "one region only", "low confidence"
#: Why there is none, beside what ``Why.note`` tells.
ABSENT = "nothing fits"


@dataclass(frozen=True, eq=False)
class Candidate:
    """One proposal as an answer.

    Attributes:
        proposal: its index among the N proposals.
        mask: bool (H, W).
        box: float32 (4,), XYXY pixels, half-open.
        score: the method's logit.
        probability: the score's softmax among all proposals; None where no confidence can be told.
        expected_iou: 0 to 1, what decides in the score's place; None where the score does.
    """

    proposal: int
    mask: BoolArray
    box: FloatArray
    score: float
    probability: float | None
    expected_iou: float | None

    @property
    def area(self) -> int:
        """Of the mask, in pixels."""
        return int(np.count_nonzero(self.mask))

    def __repr__(self) -> str:
        """One line, without arrays."""
        return f"<Candidate {self.proposal}: score {self.score:.4g}, {self.area} pixels>"

    def to_dict(self) -> dict[str, Any]:
        """What JSON can hold; ``segmentation`` is COCO's compressed run-length encoding."""
        return {
            "proposal": self.proposal,
            "score": round(self.score, 4),
            "expected_iou": rounded(self.expected_iou),
            "probability": rounded(self.probability),
            "box": [float(edge) for edge in self.box],
            "area": self.area,
            "segmentation": rle.encode(self.mask),
        }


class View(Protocol):
    """Draws an answer over the image that it is about."""

    def png(self, answer: Segmentation) -> bytes:
        """A PNG file of the answer with its reasons."""
        ...


@dataclass(frozen=True, eq=False)
class Segmentation:
    """The answer to one expression.

    Attributes:
        proposals: the N masks to choose from.
        scores: float32 (N,), one per proposal, higher is better.
        chosen: indices of the proposals that are the answer, the best first: one, several where
            several things are asked for, none where nothing here is what is asked for.
        share: 0 to 1, what all proposals of the same thing as the chosen one (``SAME_THING``) have
            together of the scores' softmax, at the model's temperature, times how likely the thing
            is there. Where that means something it is the ``confidence``.
        why: the reading, the runner-up, and what each term says.
        view: draws the answer in notebooks, where there is an image to draw it on.
        provenance: the model, its weights, proposals and method that it comes from.
        expected_iou: float32 (N,), 0 to 1, of each proposal with what the expression refers to,
            where that decides instead of the scores (see ``Segmenter.consensus``); else None.
        calibrated: whether the confidence was fitted to how often such a model is right; False for
            a guess.
        drawings: bool (N,), which proposals draw one of the chosen things; ``share`` is theirs.
        likeness: float32 (N, 3), what tells whether each proposal shows what the phrase names, see
            ``refmask.selection.Likeness``; None where nothing can be told.
    """

    proposals: MaskProposals
    scores: FloatArray
    chosen: tuple[int, ...]
    share: float
    why: Why
    view: View | None = None
    provenance: Provenance | None = None
    expected_iou: FloatArray | None = None
    calibrated: bool = True
    drawings: BoolArray | None = None
    likeness: FloatArray | None = None

    #: Below this confidence an answer calls itself unsure.
    UNSURE_BELOW: ClassVar[float] = 0.5

    @property
    def best(self) -> int | None:
        """Index of the best of the chosen proposals; None when there is no answer."""
        return self.chosen[0] if self.chosen else None

    @property
    def absent(self) -> bool:
        """Whether nothing here is what the expression asks for: there is no answer, on purpose."""
        return not self.chosen and len(self.proposals) > 0

    @property
    def instances(self) -> list[Candidate]:
        """The things that are the answer, the best first; empty when there is no answer."""
        return [self.candidate(proposal) for proposal in self.chosen]

    @cached_property
    def mask(self) -> BoolArray:
        """The union of the chosen masks, bool (H, W); all False when there is no answer."""
        if len(self.chosen) == 1:
            one: BoolArray = self.proposals.masks[self.chosen[0]]
            return one
        union: BoolArray = np.any(self.proposals.masks[list(self.chosen)], axis=0)
        return sealed(union)

    @property
    def box(self) -> FloatArray | None:
        """Of the mask: float32 (4,), XYXY pixels, half-open; None when there is no answer."""
        if not self.chosen:
            return None
        boxes = self.proposals.boxes[list(self.chosen)]
        return np.asarray([*boxes[:, :2].min(axis=0), *boxes[:, 2:].max(axis=0)], boxes.dtype)

    @property
    def area(self) -> int:
        """Of the mask, in pixels."""
        return int(np.count_nonzero(self.mask))

    @property
    def confidence(self) -> float | None:
        """``share`` where it means something.

        None when there is no answer, only one thing to choose from (one proposal, or drawings of
        the same thing), a blank image, or a phrase that the model knows no word of.
        """
        return self.share if self._meaningless is None else None

    @property
    def unsure(self) -> bool:
        """True when there is no confidence or it is below ``UNSURE_BELOW``."""
        return self.reason is not None

    @property
    def reason(self) -> str | None:
        """Why the answer is unsure, in a few words; None when it is not."""
        low = LOW if self.share < self.UNSURE_BELOW else None
        return self._meaningless or low

    @cached_property
    def probabilities(self) -> FloatArray:
        """Softmax of the scores among all proposals: float32 (N,), 1 in sum."""
        return softmax(self.scores)

    @property
    def standing(self) -> FloatArray:
        """What decides between the proposals, float32 (N,): their expected IoU, else the scores."""
        return self.scores if self.expected_iou is None else self.expected_iou

    @property
    def measure(self) -> str:
        """What ``standing`` is, in words."""
        return "score" if self.expected_iou is None else "expected IoU"

    @property
    def order(self) -> list[int]:
        """Indices of all proposals from the best to the worst by ``standing``."""
        return [int(index) for index in np.argsort(-self.standing, kind="stable")]

    @property
    def runner_up(self) -> Candidate | None:
        """The best proposal that is another thing; None when there is none."""
        return None if self.why.runner_up is None else self.candidate(self.why.runner_up)

    def top(self, count: int) -> list[Candidate]:
        """The best proposals by ``standing``, at most so many; the answer comes first."""
        return [self.candidate(proposal) for proposal in self.order[:count]]

    def candidate(self, proposal: int) -> Candidate:
        """The proposal of this index, 0 to N - 1, as an answer."""
        expected = self.expected_iou
        return Candidate(
            proposal=proposal,
            mask=self.proposals.masks[proposal],
            box=self.proposals.boxes[proposal],
            score=float(self.scores[proposal]),
            probability=None if self.confidence is None else float(self.probabilities[proposal]),
            expected_iou=None if expected is None else float(expected[proposal]),
        )

    def to_dict(self, top: int = 1) -> dict[str, Any]:
        """The answer as JSON can hold it: what every command, file, table and server writes.

        Args:
            top: how many of the best proposals to list as ``candidates``.

        Returns:
            The fields of docs/answer.schema.json. ``answer`` and ``runner_up`` are None where
            there is none, ``confidence`` where it would mean nothing, ``reason`` where the answer
            is not unsure. Of several things ``answer`` is the best one with the mask, box and area
            of all together; ``instances`` has them one by one.
        """
        phrase, (height, width) = self.why.phrase, self.proposals.size
        whole, other = self._whole, self.runner_up
        return {
            "height": height,
            "width": width,
            "expression": phrase.expression,
            "noun_phrase": phrase.noun_phrase,
            "head": phrase.head,
            "confidence": rounded(self.confidence),
            "calibrated": self.calibrated,
            "unsure": self.unsure,
            "reason": self.reason,
            "margin": round(self.why.margin, 4),
            "why": self.why.to_dict(self.best),
            "proposals": len(self.proposals),
            "absent": self.absent,
            "answer": None if whole is None else whole.to_dict(),
            "instances": [instance.to_dict() for instance in self.instances],
            "runner_up": None if other is None else other.to_dict(),
            "candidates": [candidate.to_dict() for candidate in self.top(top)],
            "provenance": None if self.provenance is None else self.provenance.to_dict(),
        }

    @property
    def _whole(self) -> Candidate | None:
        """The best thing, with the mask of all of them."""
        if self.best is None or self.box is None:
            return None
        return replace(self.candidate(self.best), mask=self.mask, box=self.box)

    @property
    def verdict(self) -> str:
        """How far to trust the answer, in words; see :func:`verdict`."""
        guessed = self.confidence is not None and not self.calibrated
        told = verdict(self.confidence, self.reason, absent=self.absent)
        return told + (", uncalibrated" if guessed else "")

    @property
    def reasons(self) -> str:
        """What decided, in a sentence; "" where nothing did."""
        return self.why.sentence(self.best)

    @property
    def _meaningless(self) -> str | None:
        """Why no confidence can be told."""
        if not len(self.proposals):
            return NO_REGIONS
        if self.absent:
            return self.why.note or ABSENT
        alone = self.why.runner_up is None and len(self.chosen) == 1
        return self.why.note or (ONE_REGION if alone else None)

    def __repr__(self) -> str:
        """One line, without arrays."""
        height, width = self.proposals.size
        area = f"{self.area} of {width}x{height} pixels"
        origin = "" if self.provenance is None else f", by {self.provenance.caption}"
        return f"<Segmentation {self.why.phrase.expression!r}: {self.verdict}, {area}{origin}>"

    def _repr_png_(self) -> bytes | None:
        """What a notebook shows."""
        return None if self.view is None else self.view.png(self)

    def to_supervision(self) -> Detections:
        """The answer as the library supervision has it, for its annotators, metrics and data sets.

        Returns:
            One detection for each of the n things of the answer: ``xyxy`` float32 (n, 4),
            half-open; ``mask`` bool (n, H, W); ``confidence`` of the answer, 0 where it would mean
            nothing; ``class_id`` 0;
            and ``data``, with "class_name", the noun phrase, "expression", "unsure", and "model"
            as captions have it ("" when it is not told).

        Raises:
            MissingResource: when supervision is not installed.
        """
        try:
            import supervision
        except ImportError:
            raise MissingResource(
                "to_supervision needs the library supervision; run: "
                'pip install "refmask[supervision]"'
            ) from None
        if not self.chosen:
            return supervision.Detections.empty()
        phrase, chosen, count = self.why.phrase, list(self.chosen), len(self.chosen)
        return supervision.Detections(
            xyxy=self.proposals.boxes[chosen],
            mask=self.proposals.masks[chosen],
            confidence=np.full(count, self.confidence or 0, np.float32),
            class_id=np.zeros(count, np.int64),
            data={
                "class_name": np.full(count, phrase.noun_phrase),
                "expression": np.full(count, phrase.expression),
                "unsure": np.full(count, self.unsure),
                "model": np.full(count, "" if self.provenance is None else self.provenance.caption),
            },
        )


def softmax(scores: FloatArray) -> FloatArray:
    """Probabilities of N alternatives by their logits, float32 (N,)."""
    weights = np.exp(scores - scores.max(initial=-np.inf))
    return np.asarray(weights / weights.sum())


def verdict(confidence: float | None, reason: str | None, *, absent: bool = False) -> str:
    """How far to trust an answer, in words: "confidence 64%", "UNSURE: one region only".

    Args:
        confidence: 0 to 1; None where it would mean nothing.
        reason: why the answer is unsure; None when it is not. Without either nothing is said.
        absent: whether there is none, for that reason.
    """
    if absent:
        return f"none: {reason}"
    if confidence is None:
        return f"UNSURE: {reason}" if reason else ""
    return f"confidence {percent(confidence)}" + (", UNSURE" if reason else "")


def rounded(share: float | None) -> float | None:
    """A number from 0 to 1 as records have it: four decimals."""
    return None if share is None else round(float(share), 4)


def percent(confidence: float) -> str:
    """A confidence, 0 to 1, in whole per cent, 99 at most: no answer is certain."""
    return f"{min(confidence, 0.99):.0%}"
