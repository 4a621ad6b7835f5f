"""From a layout to an image and its masks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from emoji_scenes.backgrounds import paint_background
from emoji_scenes.layout import Item, Layout
from emoji_scenes.sprites import Sprite, Sprites
from emoji_scenes.surfaces import STAGES
from refmask.types import BoolArray, UInt8Array


@dataclass(frozen=True, eq=False)
class Rendered:
    """A drawn scene of N items.

    Attributes:
        image: uint8 RGB (side, side, 3).
        objects: bool (N, side, side), in the layout's order; (0, side, side) without masks.
        surfaces: bool (N, side, side): what can be seen of each item's surface, hence without
            the objects on it; empty for an item without one. (0, side, side) without masks.

    All masks are disjoint.
    """

    image: UInt8Array
    objects: BoolArray
    surfaces: BoolArray


def render(layout: Layout, sprites: Sprites, side: int = 400, masks: bool = True) -> Rendered:
    """Draw a scene ``side`` pixels wide: all surfaces first, then all objects upon them."""
    canvas = Image.fromarray(paint_background(layout.background, side))
    placed = _surfaces(layout.items, sprites, side) + _objects(layout.items, sprites, side)
    owner = np.full((side, side), -1, np.int16)
    for index, sprite, x, y in placed:
        canvas.paste(sprite.colours, (x, y), sprite.alpha)
        if masks:
            _claim(owner, sprite.mask, x, y, index)
    count = len(layout.items) if masks else 0
    numbers = np.arange(2 * count, dtype=np.int16)[:, None, None]
    found = owner == numbers
    return Rendered(np.array(canvas), found[:count], found[count:])


Placed = tuple[int, Sprite, int, int]


def _objects(items: tuple[Item, ...], sprites: Sprites, side: int) -> list[Placed]:
    """(owner, sprite, left, top) of each object; owners count from 0."""
    placed = []
    for index, item in enumerate(items):
        sprite = sprites.object(item.noun, item.colour, item.flipped, round(item.size * side))
        x, y = item.centre
        placed.append((index, sprite, *_corner(sprite, x * side, y * side)))
    return placed


def _surfaces(items: tuple[Item, ...], sprites: Sprites, side: int) -> list[Placed]:
    """The same of each surface; owners count from N."""
    placed = []
    for index, item in enumerate(items):
        if item.surface is None:
            continue
        sprite = sprites.surface(item.surface, round(item.surface.size * side))
        stage = STAGES.get(item.surface.kind, (0.5, 0.5))
        x, y = (
            (place - (share - 0.5) * item.surface.size) * side
            for place, share in zip(item.centre, stage, strict=True)
        )
        placed.append((len(items) + index, sprite, *_corner(sprite, x, y)))
    return placed


def _corner(sprite: Sprite, x: float, y: float) -> tuple[int, int]:
    """Left and top of a sprite centred on a point."""
    return round(x - sprite.image.width / 2), round(y - sprite.image.height / 2)


def _claim(owner: npt.NDArray[np.int16], mask: BoolArray, x: int, y: int, index: int) -> None:
    """Write ``index`` where the mask lies, as far as it lies inside the image."""
    side = len(owner)
    left, top = max(0, -x), max(0, -y)
    inside = mask[top : side - y, left : side - x]
    height, width = inside.shape
    owner[y + top : y + top + height, x + left : x + left + width][inside] = index
