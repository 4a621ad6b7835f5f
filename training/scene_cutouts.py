"""Things alone on grey, stretched to a square: how the local branch sees a mask proposal.

They are drawn from sprites, not cut from scenes, so no scene's mask is looked at.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

from emoji_scenes import Item, Sprites, Surface

UInt8Array = npt.NDArray[np.uint8]
BoolArray = npt.NDArray[np.bool_]

#: The grey that stands for "nothing here": the model's mean colour.
FILL = 128
#: Widths at which sprites are drawn: few, because each is drawn once and kept.
_OBJECT_PIXELS = (36, 80, 128)
_SURFACE_WIDER = 1.5


def stretch(image: UInt8Array, mask: BoolArray, side: int) -> UInt8Array:
    """The tight box of a mask, grey outside it, as a square.

    Args:
        image: uint8 (H, W, 3).
        mask: bool (H, W), not empty.
        side: of the square, in pixels.

    Returns:
        uint8 (side, side, 3), resized bilinearly with antialiasing.
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    cut = np.where(mask[box][..., None], image[box], np.uint8(FILL))
    square = Image.fromarray(cut).resize((side, side), Image.Resampling.BILINEAR)
    return np.asarray(square)


def part_of(mask: BoolArray, rng: np.random.Generator) -> BoolArray:
    """What lies on one side of a random straight line, 30 to 65 % of a mask's pixels."""
    rows, columns = np.nonzero(mask)
    # Half of the lines are upright or level, as the halves of the tests are.
    turn = rng.uniform(0, 2 * np.pi) if rng.random() < 0.5 else rng.integers(4) * np.pi / 2
    along = rows * np.sin(turn) + columns * np.cos(turn)
    chosen = along <= np.quantile(along, rng.uniform(0.3, 0.65))
    part = np.zeros_like(mask)
    part[rows[chosen], columns[chosen]] = True
    return part


class Cutter:
    """Draws cut-outs of ``side`` pixels."""

    def __init__(self, sprites: Sprites, side: int, rng: np.random.Generator) -> None:
        self.sprites, self.side, self.rng = sprites, side, rng

    def whole(self, item: Item) -> UInt8Array:
        """An object."""
        return stretch(*self._object(item), self.side)

    def part(self, item: Item) -> UInt8Array:
        """A piece of an object."""
        image, mask = self._object(item)
        return stretch(image, part_of(mask, self.rng), self.side)

    def surface(self, item: Item) -> UInt8Array:
        """An item's surface with a hole in the shape of the object on it."""
        image, surface, thing = self._on_surface(item)
        return stretch(image, surface & ~thing, self.side)

    def union(self, item: Item) -> UInt8Array:
        """An object together with its surface."""
        image, surface, thing = self._on_surface(item)
        return stretch(image, surface | thing, self.side)

    def _object(self, item: Item) -> tuple[UInt8Array, BoolArray]:
        """An object on a random plain colour, of which its soft edges keep a little."""
        pixels = _OBJECT_PIXELS[int(self.rng.integers(len(_OBJECT_PIXELS)))]
        sprite = self.sprites.object(item.noun, item.colour, item.flipped, pixels)
        ground = tuple(int(value) for value in self.rng.integers(0, 256, 3))
        canvas = Image.new("RGB", sprite.image.size, ground)
        canvas.paste(sprite.colours, (0, 0), sprite.alpha)
        return np.asarray(canvas), sprite.mask

    def _on_surface(self, item: Item) -> tuple[UInt8Array, BoolArray, BoolArray]:
        pixels = _OBJECT_PIXELS[int(self.rng.integers(len(_OBJECT_PIXELS)))]
        surface = _surface_of(item)
        below = self.sprites.surface(surface, round(_SURFACE_WIDER * pixels))
        above = self.sprites.object(item.noun, item.colour, item.flipped, pixels)
        canvas = below.colours.copy()
        corner = tuple(
            (wide - narrow) // 2 for wide, narrow in zip(canvas.size, above.image.size, strict=True)
        )
        canvas.paste(above.colours, corner, above.alpha)
        thing = Image.new("1", canvas.size)
        thing.paste(Image.fromarray(above.mask), corner)
        return np.asarray(canvas), below.mask, np.asarray(thing)


def _surface_of(item: Item) -> Surface:
    if item.surface is None:
        raise ValueError(f"expected an item on a surface, got {item}")
    return item.surface
