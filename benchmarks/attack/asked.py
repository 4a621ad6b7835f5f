"""Kinds of input that are no files: phrases, encodings, limits, HTTP bodies."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from functools import cache
from typing import Any

from attack.images import images
from attack.kinds import Kind, of_json, of_text
from refmask import limits
from refmask.ops import rle
from refmask.ops.segmentations import decode_apart, decode_segmentation
from refmask.server.label_studio.config import context_of, controls_of
from refmask.text.parser import PhraseParser

CONFIG = (
    '<View><Image name="image" value="$image"/><BrushLabels name="tag" toName="image">'
    '<Label value="the dog"/></BrushLabels><TextArea name="said" toName="image"/></View>'
)


def kinds(gadgets: list[bytes]) -> Iterator[Kind]:
    """Kinds of this subject."""
    del gadgets
    phrases = ["the dog on the left", "two red caf\u00e9s, not the one behind", "left guy \u200b x"]
    yield of_text("phrases", phrases, lambda text: parser()([text]))
    yield of_text("REFMASK_LIMITS", ["pixels=200000000,unpacked=4GB", " file = 1.5 GiB"], _limits)
    runs = [{"size": [12, 16], "counts": [5, 20, 167]}, {"size": [2, 2], "counts": "04"}]
    yield of_json("RLE", [json.dumps(one) for one in runs], _rle)
    polygons: list[Any] = [[[1, 1, 9, 1, 9, 9, 1, 9]], runs[0]]
    yield of_json("segmentations", [json.dumps(one) for one in polygons], _segmentation)
    yield of_text("labelling", [CONFIG], controls_of)
    yield of_json("HTTP", list(bodies()), _posted)


@cache
def parser() -> PhraseParser:
    """The embedded parser."""
    return PhraseParser()


@cache
def client() -> Any:
    """A client of a server in this process; faults of the server are raised here."""
    from starlette.testclient import TestClient

    import refmask
    from refmask.server.app import app
    from refmask.server.label_studio.tasks import ImageFolder

    system = refmask.load("embedded", precision="fp32")
    made = TestClient(app(system, images=ImageFolder(None)))
    made.__enter__()
    return made


def bodies() -> Iterator[str]:
    """Bodies of all routes, each with the route that it is for."""
    image = base64.b64encode(images()["a.png"]).decode()
    asked = {"phrases": ["the dog"], "format": "rle", "top": 1, "alpha": 0.5, "beta": 0.5}
    yield json.dumps({"path": "/v1/segment", "body": {"image": image} | asked})
    yield json.dumps({"path": "/v1/scenes", "body": {"image": image}})
    yield json.dumps({"path": "/v1/scenes/x/find", "body": asked})
    task = {"id": 1, "data": {"image": "data:image/png;base64," + image}}
    told = {"tasks": [task], "label_config": CONFIG, "params": {"context": {"result": []}}}
    yield json.dumps({"path": "/label-studio/predict", "body": told})


def _limits(text: str) -> None:
    usual = os.environ.get(limits.VARIABLE)
    try:
        os.environ[limits.VARIABLE] = text.replace("\0", "")
        for name in limits.LIMITS:
            limits.limit(name)
    finally:
        os.environ.pop(limits.VARIABLE)
        if usual is not None:
            os.environ[limits.VARIABLE] = usual


def _json(text: str) -> Any:
    from refmask.ops.reading import parse_json

    return parse_json(text, "a case")


def _rle(text: str) -> None:
    told = _json(text)
    if isinstance(told, dict):
        rle.decode(told)


def _segmentation(text: str) -> None:
    told = _json(text)
    for decode in (decode_segmentation, decode_apart):
        decode(told, "a case", 12, 16)
    context_of(told)


def _posted(text: str) -> None:
    try:
        told = json.loads(text)
        path, body = told["path"], json.dumps(told["body"]).encode()
    except (ValueError, KeyError, TypeError, RecursionError):
        path, body = "/v1/segment", text.encode("utf-8", "surrogateescape")
    if not (isinstance(path, str) and path.isascii() and path.isprintable() and path[:1] == "/"):
        path = "/v1/segment"
    answer = client().post(path, content=body, headers={"content-type": "application/json"})
    if answer.status_code >= 500:
        raise AssertionError(f"{path} answered {answer.status_code}: {answer.text[:200]}")
