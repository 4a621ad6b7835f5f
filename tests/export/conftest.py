"""Images with known answers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from refmask.answer import Segmentation, Why
from refmask.export.answers import Answer
from refmask.provenance import Provenance
from refmask.types import BoolArray, MaskProposals, TargetPhrase

HEIGHT, WIDTH = 60, 80


def shapes() -> dict[str, BoolArray]:
    """A disk, a frame around a hole, and a mask of two parts."""
    ys, xs = np.mgrid[:HEIGHT, :WIDTH]
    disk = np.hypot(ys - 20, xs - 25) < 15
    frame = np.zeros((HEIGHT, WIDTH), np.bool_)
    frame[25:55, 40:75] = True
    frame[35:45, 50:65] = False
    parts = np.zeros((HEIGHT, WIDTH), np.bool_)
    parts[2:12, 60:78] = parts[45:58, 3:20] = True
    return {"disk": disk, "frame": frame, "parts": parts}


#: Where the answers come from.
ORIGIN = Provenance(
    model="embedded",
    weights="ab" * 32,
    proposals="grouping:limit=100",
    method="global-local:alpha=0.7",
    version="0.1.0",
    label="emoji model: knows emoji scenes only",
)


def answer(image: Path, mask: BoolArray | None, phrase: TargetPhrase, confidence: float) -> Answer:
    """What a record of this mask, chosen before the rest of the image, tells."""
    if mask is None:
        proposals, scores = MaskProposals.empty(HEIGHT, WIDTH), np.zeros(0, np.float32)
        given = Segmentation(proposals, scores, (), 0.0, Why(phrase, None, 0.0), None, ORIGIN)
    else:
        proposals, scores = MaskProposals(np.stack([mask, ~mask])), np.array([7.5, 4], np.float32)
        given = Segmentation(proposals, scores, (0,), confidence, Why(phrase, 1, 3.5), None, ORIGIN)
    return Answer.read({"image": str(image), **given.to_dict()})


@pytest.fixture
def origin() -> Provenance:
    return ORIGIN


@pytest.fixture
def masks() -> dict[str, BoolArray]:
    return shapes()


@pytest.fixture
def answers(tmp_path: Path, masks: dict[str, BoolArray]) -> list[Answer]:
    """Two images called a, one of them without an answer; the last answer is unsure."""
    images = [tmp_path / "photos" / name for name in ("a.png", "sub/a.png")]
    for image in images:
        image.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((HEIGHT, WIDTH, 3), 90, np.uint8)).save(image)
    first, second = images
    disk = TargetPhrase("the round thing", "the round thing", "the round thing", "thing")
    frame = TargetPhrase('a "red" frame', 'a "red" frame', "frame", "frame")
    parts = TargetPhrase("左の things", "左の things", "things", "things")
    return [
        answer(first, masks["disk"], disk, 0.9),
        answer(first, masks["frame"], frame, 0.8),
        answer(second, None, disk, 0.0),
        answer(first, masks["parts"], parts, 0.3),
    ]


@pytest.fixture
def several(answers: list[Answer], masks: dict[str, BoolArray]) -> list[Answer]:
    """One phrase about the first image that two things answer, the frame before the disk."""
    phrase = TargetPhrase("both things", "both things", "both things", "things")
    proposals = MaskProposals(np.stack([masks["disk"], masks["frame"], masks["parts"]]))
    scores = np.array([7.0, 7.5, 4], np.float32)
    given = Segmentation(proposals, scores, (1, 0), 0.8, Why(phrase, 2, 3.5), None, ORIGIN)
    return [Answer.of(answers[0].image, given)]


@pytest.fixture
def doubtful(answers: list[Answer]) -> list[Answer]:
    """The same, the last one without a confidence."""
    return [*answers[:3], replace(answers[3], confidence=None, reason="one region only")]
