"""Shipped pictures to try the page with, each with a phrase."""

from __future__ import annotations

import io
from dataclasses import dataclass

from PIL import Image

from refmask.data.scenes import read_scenes
from refmask.types import Bytes
from refmask.web.page.views import data_uri

#: What tells the target apart; there is one example for each.
KINDS = ("surroundings", "colour", "long", "class", "size", "position")
#: Side of the small pictures, in pixels.
SIDE = 240


@dataclass(frozen=True, eq=False)
class Example:
    """A picture, uint8 RGB (H, W, 3), and a phrase about it."""

    name: str
    image: Bytes
    phrase: str

    def shown(self) -> dict[str, str]:
        """What the browser needs to offer it."""
        small = Image.fromarray(self.image)
        small.thumbnail((SIDE, SIDE))
        file = io.BytesIO()
        small.save(file, "JPEG", quality=88)
        return {"src": data_uri(file.getvalue(), "image/jpeg"), "phrase": self.phrase}


def examples() -> list[Example]:
    """One for each of ``KINDS``, each with another picture."""
    found: dict[str, Example] = {}
    for sample in read_scenes(split="val"):
        for query in sample.queries:
            if query.kind in KINDS and query.kind not in found:
                name = f"scene-{sample.id}.png"
                found[query.kind] = Example(name, sample.image, query.expression)
                break
    return [found[kind] for kind in KINDS]
