"""Answers of the HTTP interface: their schema, and how they are written."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from refmask.ops.polygons import polygons
from refmask.reading import Reading
from refmask.scene import Scene
from refmask.types import BoolArray, TargetPhrase
from refmask.visualize.overlay import png

Format = Literal["rle", "png", "polygons"]


class _Exact(BaseModel):
    """Forbids other fields."""

    model_config = ConfigDict(extra="forbid")


class Rle(_Exact):
    """COCO's compressed run-length encoding."""

    size: list[int] = Field(description="Height and width.")
    counts: str


class Candidate(_Exact):
    """A mask proposal as an answer; the request's format selects one of the last three fields."""

    proposal: int = Field(description="Its index among the scene's proposals.")
    score: float = Field(description="The method's logit.")
    expected_iou: float | None = Field(
        description="0 to 1; ranks the proposals in place of the score, where not null."
    )
    probability: float | None = Field(
        description="Softmax of the scores over all proposals; null where the confidence is null."
    )
    box: list[float] = Field(description="XYXY in pixels, half-open.")
    area: int = Field(description="Pixels.")
    segmentation: Rle | None = Field(None, description="With format 'rle'.")
    png: str | None = Field(None, description="With format 'png': a PNG of 0 and 255, in base64.")
    polygons: list[list[list[float]]] | None = Field(
        None, description="With format 'polygons': rings of x, y from the image's upper left."
    )


class Origin(_Exact):
    """The system that answered."""

    model: str
    weights: str | None = Field(description="SHA-256; null without a file.")
    proposals: str = Field(description="The proposer, with its settings.")
    method: str = Field(description="The scoring method, with its settings.")
    version: str = Field(description="Of refmask.")
    label: str | None = Field(description="A limit of the model that users must know, if any.")


class TermValues(_Exact):
    """What a term adds to the scores of two proposals, in nats."""

    answer: float | None
    runner_up: float | None


class Reasons(_Exact):
    """The reading of the phrase, and which term decided."""

    reading: dict[str, Any] = Field(
        description="The parts of the phrase: noun, phrase, count, attributes, cues, relations, "
        "excluded, joined, unread; see the guide to words of place."
    )
    terms: dict[str, TermValues] = Field(
        description="By the term's name; 'similarity' is the method's part."
    )
    deciding: str | None = Field(
        description="The term that puts the answer furthest before the runner-up."
    )
    sentence: str = Field(description="That term in words; empty where there is none.")
    things: int | None = Field(
        description="How many things of the kind the image shows; null where that is unknown."
    )


#: Small examples for the OpenAPI document.
ORIGIN: dict[str, Any] = {
    "model": "embedded",
    "weights": "06c486720231c5e7535af587293657878c8dbd5645f0537faf5c6a57bd0126c7",
    "proposals": "grouping:version=1,limit=100,floor=0.1",
    "method": "global-local:alpha=0.6,beta=0.5",
    "version": "0.1.0",
    "label": "emoji model: knows emoji scenes only",
}
CANDIDATE: dict[str, Any] = {
    "proposal": 3,
    "score": 6.8667,
    "expected_iou": None,
    "probability": 0.4518,
    "box": [10.0, 20.0, 14.0, 23.0],
    "area": 12,
    "segmentation": {"size": [60, 80], "counts": "\\c03i100000Tk3"},
}
EXAMPLE: dict[str, Any] = {
    "width": 80,
    "height": 60,
    "answers": [
        {
            "expression": "the red car",
            "noun_phrase": "the red car",
            "head": "car",
            "height": 60,
            "width": 80,
            "confidence": 0.6385,
            "calibrated": True,
            "unsure": False,
            "reason": None,
            "margin": 0.554,
            "why": {
                "reading": Reading("car", "red car", attributes=("red",)).to_dict(),
                "terms": {
                    "similarity": {"answer": 6.8967, "runner_up": 6.3427},
                    "colour": {"answer": -0.03, "runner_up": -0.03},
                },
                "deciding": "similarity",
                "sentence": "it looks most like 'the red car'",
                "things": None,
            },
            "proposals": 34,
            "absent": False,
            "answer": CANDIDATE,
            "instances": [CANDIDATE],
            "runner_up": None,
            "candidates": [],
            "provenance": ORIGIN,
        }
    ],
}


class Answer(BaseModel):
    """The answer to one phrase."""

    expression: str
    noun_phrase: str = Field(description="The words that name the target.")
    head: str
    height: int
    width: int
    confidence: float | None = Field(
        description="0 to 1; null where it has no meaning: without an answer, with one region "
        "only, in a blank image, or when the model knows no word of the phrase."
    )
    calibrated: bool = Field(
        description="The confidence was fitted to how often the model is right; else a guess."
    )
    unsure: bool = Field(description="The confidence is null or below 0.5.")
    reason: str | None = Field(description="Why the answer is unsure; null otherwise.")
    margin: float = Field(
        description="The answer's lead over the runner-up in expected_iou, or in score where that "
        "is null."
    )
    why: Reasons
    proposals: int = Field(description="Number of mask proposals.")
    absent: bool = Field(
        description="Nothing in the image is what the phrase asks for; there is no answer."
    )
    answer: Candidate | None = Field(
        description="The best thing; of several things with the mask, box and area of all of them."
    )
    instances: list[Candidate] = Field(description="The things of the answer, one by one.")
    runner_up: Candidate | None = Field(description="The best proposal of another object.")
    candidates: list[Candidate] = Field(description="The 'top' best proposals.")
    provenance: Origin | None


def answer_schema() -> str:
    """The JSON Schema of ``Segmentation.to_dict``: the content of docs/answer.schema.json."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return json.dumps(schema | Answer.model_json_schema(), indent=1) + "\n"


class Answers(BaseModel):
    """The answers to a request's phrases, in their order."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    width: int
    height: int
    answers: list[Answer]


class SceneInfo(BaseModel):
    """A scene in the server's cache."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "1NHSgRMGxOiwlTKDvGgShA",
                    "width": 400,
                    "height": 400,
                    "proposals": 34,
                    "bytes": 5955496,
                    "expires_in": 1800.0,
                }
            ]
        }
    )

    id: str
    width: int
    height: int
    proposals: int
    bytes: int = Field(description="Its memory.")
    expires_in: float = Field(description="Seconds until it is deleted unless used.")


def answer_all(
    scene: Scene, phrases: Sequence[TargetPhrase], form: Format = "rle", top: int = 0
) -> bytes:
    """Answer phrases about a scene, as JSON of ``Answers``.

    Args:
        scene: to query.
        phrases: parsed.
        form: format of masks.
        top: number of best proposals to list.
    """
    height, width = scene.proposals.size

    @cache  # several phrases list the same masks
    def encoded(proposals: tuple[int, ...]) -> Any:
        return _encoded(np.any(scene.proposals.masks[list(proposals)], axis=0), form)

    answers = [
        _with_masks(form, answer.chosen, answer.to_dict(top), encoded)
        for answer in scene.find_phrases(phrases)
    ]
    return json.dumps({"width": width, "height": height, "answers": answers}).encode()


def _with_masks(
    form: Format,
    chosen: tuple[int, ...],
    fields: dict[str, Any],
    encoded: Callable[[tuple[int, ...]], Any],
) -> dict[str, Any]:
    """Replace run-length encodings of an answer by masks in another format."""
    if form == "rle":
        return fields
    single = (*fields["instances"], fields["runner_up"], *fields["candidates"])
    masks = [(fields["answer"], chosen)]
    masks += [(candidate, (candidate["proposal"],)) for candidate in single if candidate]
    for candidate, proposals in masks:
        if candidate is not None:
            candidate.pop("segmentation")
            candidate[form] = encoded(proposals)
    return fields


def _encoded(mask: BoolArray, form: Format) -> Any:
    if form == "png":
        return base64.b64encode(png(mask)).decode()
    return [ring.tolist() for ring in polygons(mask)]
