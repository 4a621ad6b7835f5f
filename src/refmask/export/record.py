"""An answer as a JSON record with COCO run-length encodings."""

from __future__ import annotations

from typing import TypedDict

from refmask.answer import Segmentation
from refmask.ops import rle
from refmask.types import MaskProposals


class Candidate(TypedDict):
    """One proposal as an answer.

    ``proposal`` is its index, ``box`` XYXY pixels (half-open), ``score`` the method's logit and
    ``probability`` its softmax among all proposals, None where no confidence can be told.
    ``expected_iou``, 0 to 1, is what decides in the score's place; None where the score does.
    """

    proposal: int
    score: float
    expected_iou: float | None
    probability: float | None
    box: list[float]
    area: int
    segmentation: rle.Rle


class Record(TypedDict):
    """One answer about a picture of ``height`` x ``width`` pixels.

    ``answer`` and ``runner_up`` are None where there is none, ``confidence`` where it would mean
    nothing, ``reason`` where the answer is not unsure. ``margin`` is the answer's lead over the
    runner-up by what decides, ``expected_iou`` or else ``score``. ``provenance`` has the fields of
    ``refmask.Provenance``.
    """

    height: int
    width: int
    expression: str
    noun_phrase: str
    head: str
    confidence: float | None
    unsure: bool
    reason: str | None
    margin: float
    proposals: int
    answer: Candidate | None
    runner_up: Candidate | None
    candidates: list[Candidate]
    provenance: dict[str, str | None] | None


def record(answer: Segmentation, proposals: MaskProposals, top: int = 1) -> Record:
    """Everything about an answer that JSON can hold.

    Args:
        answer: what ``Scene.find`` gave.
        proposals: the scene's.
        top: how many of the best proposals to list as ``candidates``.
    """
    shares = answer.probabilities
    expected, told = answer.expected_iou, answer.confidence is not None

    def candidate(index: int | None) -> Candidate | None:
        if index is None:
            return None
        mask = proposals.masks[index]
        return {
            "proposal": index,
            "score": round(float(answer.scores[index]), 4),
            "expected_iou": rounded(None if expected is None else expected[index]),
            "probability": rounded(shares[index] if told else None),
            "box": [float(edge) for edge in proposals.boxes[index]],
            "area": int(mask.sum()),
            "segmentation": rle.encode(mask),
        }

    listed = [candidate(index) for index in answer.order[:top]]
    height, width = proposals.size
    return {
        "height": height,
        "width": width,
        "expression": answer.why.phrase.expression,
        "noun_phrase": answer.why.phrase.noun_phrase,
        "head": answer.why.phrase.head,
        "confidence": rounded(answer.confidence),
        "unsure": answer.unsure,
        "reason": answer.reason,
        "margin": round(answer.why.margin, 4),
        "proposals": len(proposals),
        "answer": candidate(answer.best),
        "runner_up": candidate(answer.why.runner_up),
        "candidates": [item for item in listed if item is not None],
        "provenance": None if answer.provenance is None else answer.provenance.to_dict(),
    }


def rounded(share: float | None) -> float | None:
    """A number from 0 to 1 as records have it."""
    return None if share is None else round(float(share), 4)
