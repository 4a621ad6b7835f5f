"""Shipped images to try the page with, each with a phrase."""

from __future__ import annotations

import io
from dataclasses import dataclass

from PIL import Image

from refmask.data.photographs import read_photographs
from refmask.data.scenes import read_scenes
from refmask.provenance import EMBEDDED
from refmask.server.page.views import data_uri
from refmask.types import UInt8Array

#: Kinds of phrases about scenes; one example for each.
KINDS = ("surroundings", "colour", "long", "class", "size", "position")
#: Side of the small images, in pixels.
SIDE = 240


@dataclass(frozen=True, eq=False)
class Example:
    """An image, uint8 RGB (H, W, 3), and a phrase about it."""

    name: str
    image: UInt8Array
    phrase: str

    def to_dict(self) -> dict[str, str]:
        """The thumbnail and the phrase, for the browser."""
        small = Image.fromarray(self.image)
        small.thumbnail((SIDE, SIDE))
        file = io.BytesIO()
        small.save(file, "JPEG", quality=88)
        return {"src": data_uri(file.getvalue(), "image/jpeg"), "phrase": self.phrase}


def examples(model: str) -> list[Example]:
    """Images that suit a model: emoji scenes for "embedded", else photographs."""
    return _scenes() if model == EMBEDDED else _photographs()


def _photographs() -> list[Example]:
    """One example per phrase about a photograph."""
    return [
        Example(f"{photograph.name}.png", photograph.image, phrase)
        for photograph in read_photographs()
        for phrase in photograph.phrases
    ]


def _scenes() -> list[Example]:
    """One example for each of ``KINDS``, of different images."""
    examples: dict[str, Example] = {}
    for sample in read_scenes(split="val"):
        for query in sample.queries:
            if query.kind in KINDS and query.kind not in examples:
                name = f"scene-{sample.id}.png"
                examples[query.kind] = Example(name, sample.image, query.expression)
                break
    return [examples[kind] for kind in KINDS]
