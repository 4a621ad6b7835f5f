"""What the HTTP interface answers: documented, and made of a scene's answers."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from refmask.ops.polygons import polygons
from refmask.scene import Scene
from refmask.types import BoolArray, TargetPhrase
from refmask.visualize.overlay import png

Format = Literal["rle", "png", "polygons"]


class _Exact(BaseModel):
    """Has no other fields than these."""

    model_config = ConfigDict(extra="forbid")


class Rle(_Exact):
    """COCO's compressed run-length encoding."""

    size: list[int] = Field(description="Height and width.")
    counts: str


class Candidate(_Exact):
    """A mask proposal as an answer; of its mask, one of the last three is there."""

    proposal: int = Field(description="Its index among the scene's proposals.")
    score: float = Field(description="The method's logit.")
    expected_iou: float | None = Field(
        description="0 to 1: what decides in the score's place; null where the score does."
    )
    probability: float | None = Field(
        description="Softmax of the scores among all proposals; null where no confidence is told."
    )
    box: list[float] = Field(description="XYXY in pixels, half-open.")
    area: int = Field(description="Pixels.")
    segmentation: Rle | None = Field(None, description="With format 'rle'.")
    png: str | None = Field(None, description="With format 'png': a PNG of 0 and 255, in base64.")
    polygons: list[list[list[float]]] | None = Field(
        None, description="With format 'polygons': rings of x, y from the image's upper left."
    )


class Origin(_Exact):
    """Where an answer comes from."""

    model: str
    weights: str | None = Field(description="SHA-256; null when they are no file.")
    proposals: str = Field(description="What offered the masks, with its settings.")
    method: str = Field(description="What scored them, with its settings.")
    version: str = Field(description="Of refmask.")
    label: str | None = Field(description="What must be known about the model, if anything.")


#: Small ones, for the OpenAPI document.
ORIGIN: dict[str, Any] = {
    "model": "embedded",
    "weights": "06c486720231c5e7535af587293657878c8dbd5645f0537faf5c6a57bd0126c7",
    "proposals": "grouping:version=1,limit=100,floor=0.1",
    "method": "global-local:alpha=0.6,beta=0.5",
    "version": "0.1.0",
    "label": "emoji model: knows emoji scenes only",
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
            "unsure": False,
            "reason": None,
            "margin": 0.554,
            "proposals": 34,
            "answer": {
                "proposal": 3,
                "score": 6.8667,
                "expected_iou": None,
                "probability": 0.4518,
                "box": [10.0, 20.0, 14.0, 23.0],
                "area": 12,
                "segmentation": {"size": [60, 80], "counts": "\\c03i100000Tk3"},
            },
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
        description="0 to 1; null where it would mean nothing: there is no answer, one region "
        "only, a blank image, or no word of the phrase is known to the model."
    )
    unsure: bool = Field(description="Its confidence is null, or below 0.5.")
    reason: str | None = Field(description="Why it is unsure; null when it is not.")
    margin: float = Field(
        description="The answer's lead over the runner-up by what decides: expected_iou, or the "
        "score where that is null."
    )
    proposals: int = Field(description="How many there were to choose from.")
    answer: Candidate | None
    runner_up: Candidate | None = Field(description="The best proposal that is another thing.")
    candidates: list[Candidate] = Field(description="The 'top' best proposals.")
    provenance: Origin | None


def answer_schema() -> str:
    """docs/answer.schema.json: what ``Segmentation.to_dict`` gives, as a JSON Schema."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return json.dumps(schema | Answer.model_json_schema(), indent=1) + "\n"


class Answers(BaseModel):
    """The answers to all phrases of a request, in its order."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    width: int
    height: int
    answers: list[Answer]


class SceneInfo(BaseModel):
    """A scene that the server holds."""

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
    bytes: int = Field(description="Memory that it takes.")
    expires_in: float = Field(description="Seconds until it leaves if nobody asks it.")


def answer_all(
    scene: Scene, phrases: Sequence[TargetPhrase], form: Format = "rle", top: int = 0
) -> bytes:
    """A scene's answers to phrases, as JSON of ``Answers``.

    Args:
        scene: is asked.
        phrases: as read.
        form: how masks are written.
        top: how many of the best proposals to list.
    """
    height, width = scene.proposals.size

    @cache  # several phrases list the same masks
    def drawn(proposal: int) -> Any:
        return _drawn(scene.proposals.masks[proposal], form)

    told = [_as(form, answer.to_dict(top), drawn) for answer in scene.find_phrases(phrases)]
    return json.dumps({"width": width, "height": height, "answers": told}).encode()


def _as(form: Format, fields: dict[str, Any], drawn: Callable[[int], Any]) -> dict[str, Any]:
    """An answer whose masks are written in another form than as run-length encodings."""
    if form != "rle":
        for candidate in (fields["answer"], fields["runner_up"], *fields["candidates"]):
            if candidate is not None:
                candidate.pop("segmentation")
                candidate[form] = drawn(candidate["proposal"])
    return fields


def _drawn(mask: BoolArray, form: Format) -> Any:
    if form == "png":
        return base64.b64encode(png(mask)).decode()
    return [ring.tolist() for ring in polygons(mask)]
