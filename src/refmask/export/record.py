"""An answer as a JSON record with COCO run-length encodings."""

from __future__ import annotations

from typing import TypedDict

import numpy as np

from refmask.ops import rle
from refmask.types import MaskProposals, Segmentation


class Candidate(TypedDict):
    """One proposal as an answer.

    ``proposal`` is its index, ``box`` XYXY pixels (half-open), ``score`` the method's logit and
    ``probability`` its softmax among all proposals.
    """

    proposal: int
    score: float
    probability: float
    box: list[float]
    area: int
    segmentation: rle.Rle


class Record(TypedDict):
    """One answer about a picture of ``height`` x ``width`` pixels.

    ``answer`` and ``runner_up`` are None where there is none.
    """

    height: int
    width: int
    expression: str
    noun_phrase: str
    head: str
    confidence: float
    unsure: bool
    margin: float
    proposals: int
    answer: Candidate | None
    runner_up: Candidate | None
    candidates: list[Candidate]


def record(answer: Segmentation, proposals: MaskProposals, top: int = 1) -> Record:
    """Everything about an answer that JSON can hold.

    Args:
        answer: what ``Scene.find`` gave.
        proposals: the scene's.
        top: how many of the best proposals to list as ``candidates``.
    """
    order = [int(i) for i in np.argsort(-answer.scores, kind="stable")]
    best = max((float(answer.scores[i]) for i in order[:1]), default=0.0)
    weights = np.exp(answer.scores - best)

    def candidate(index: int | None) -> Candidate | None:
        if index is None:
            return None
        mask = proposals.masks[index]
        return {
            "proposal": index,
            "score": round(float(answer.scores[index]), 4),
            "probability": round(float(weights[index] / weights.sum()), 4),
            "box": [float(edge) for edge in proposals.boxes[index]],
            "area": int(mask.sum()),
            "segmentation": rle.encode(mask),
        }

    listed = [candidate(index) for index in order[:top]]
    height, width = proposals.size
    return {
        "height": height,
        "width": width,
        "expression": answer.why.phrase.expression,
        "noun_phrase": answer.why.phrase.noun_phrase,
        "head": answer.why.phrase.head,
        "confidence": round(answer.confidence, 4),
        "unsure": answer.unsure,
        "margin": round(answer.why.margin, 4),
        "proposals": len(proposals),
        "answer": candidate(answer.best),
        "runner_up": candidate(answer.why.runner_up),
        "candidates": [item for item in listed if item is not None],
    }
