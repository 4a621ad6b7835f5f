"""Drawing the surfaces: rug, plate, cloud, puddle, sign and box, each in four patterns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from emoji_scenes.layout import Surface
from emoji_scenes.vocabulary import TONES, Rgb, mix

_WHITE: Rgb = (255, 255, 255)
_BLACK: Rgb = (20, 20, 28)

#: Where an object's centre stands on the surface's square, where that is not its middle.
STAGES: dict[str, tuple[float, float]] = {"sign": (0.5, 0.455), "box": (0.435, 0.565)}


@dataclass(frozen=True)
class _Brush:
    """A square canvas addressed in fractions of its side, and the tones to paint it with."""

    canvas: Image.Image
    cloth: Image.Image
    tone: Rgb
    light: Rgb
    dark: Rgb

    def scaled(self, *numbers: float) -> list[float]:
        return [number * self.canvas.width for number in numbers]

    def fill(self, draw_shape: Callable[[ImageDraw.ImageDraw], None], paint: Rgb | None) -> None:
        """Paint a shape in one tone, or with the patterned cloth when ``paint`` is None."""
        mask = Image.new("L", self.canvas.size, 0)
        draw_shape(ImageDraw.Draw(mask))
        if paint is None:
            self.canvas.paste(self.cloth, (0, 0), mask)
        else:
            self.canvas.paste((*paint, 255), (0, 0, *self.canvas.size), mask)

    def ellipse(self, *box: float, paint: Rgb | None = None) -> None:
        self.fill(lambda draw: draw.ellipse(self.scaled(*box), fill=255), paint)

    def ellipses(self, *boxes: tuple[float, ...], paint: Rgb | None = None) -> None:
        def shapes(draw: ImageDraw.ImageDraw) -> None:
            for box in boxes:
                draw.ellipse(self.scaled(*box), fill=255)

        self.fill(shapes, paint)

    def block(self, *box: float, radius: float = 0.0, paint: Rgb | None = None) -> None:
        (corner,) = self.scaled(radius)
        self.fill(
            lambda draw: draw.rounded_rectangle(self.scaled(*box), radius=corner, fill=255), paint
        )

    def polygon(self, *points: float, paint: Rgb) -> None:
        self.fill(lambda draw: draw.polygon(self.scaled(*points), fill=255), paint)


def draw_surface(surface: Surface, width: int) -> Image.Image:
    """A surface as an RGBA square of ``width`` pixels; its size is not looked at."""
    # Drawn larger and reduced by area: ImageDraw has no smooth edges of its own.
    factor = 4 if width <= 100 else 3
    side = factor * width
    tone = TONES[surface.colour]
    light = mix(tone, _WHITE, 0.45) if surface.colour != "white" else (188, 194, 204)
    brush = _Brush(
        Image.new("RGBA", (side, side), (*tone, 0)),
        _cloth(surface.pattern, tone, light, side),
        tone,
        light,
        mix(tone, _BLACK, 0.3),
    )
    _DRAWINGS[surface.kind](brush)
    return brush.canvas.reduce(factor)


def _cloth(pattern: str, tone: Rgb, light: Rgb, side: int) -> Image.Image:
    """A patterned square, RGBA."""
    axis = (np.arange(side, dtype=np.float32) + 0.5) / side
    x, y = axis[None, :], axis[:, None]
    if pattern == "striped":
        marks = (x + y) / 0.21 % 1 < 0.45
    elif pattern == "checked":
        marks = (np.floor(x / 0.125) + np.floor(y / 0.125)) % 2 == 1
    elif pattern == "dotted":
        marks = (x / 0.19 % 1 - 0.5) ** 2 + (y / 0.19 % 1 - 0.5) ** 2 < 0.33**2
    else:
        marks = np.zeros((side, side), np.bool_)
    both = np.array([(*tone, 255), (*light, 255)], np.uint8)
    return Image.fromarray(both[marks.astype(np.intp)])


def _rug(brush: _Brush) -> None:
    for row in range(15):
        top = 0.075 + row * 0.0585
        brush.block(0.0, top, 1.0, top + 0.032, paint=brush.light)
    brush.block(0.055, 0.05, 0.945, 0.95, radius=0.02, paint=brush.dark)
    brush.block(0.085, 0.08, 0.915, 0.92, radius=0.01)


def _plate(brush: _Brush) -> None:
    brush.ellipse(0.0, 0.0, 1.0, 1.0, paint=brush.dark)
    brush.ellipse(0.015, 0.015, 0.985, 0.985, paint=brush.light)
    brush.ellipse(0.075, 0.075, 0.925, 0.925, paint=brush.dark)
    brush.ellipse(0.085, 0.085, 0.915, 0.915)


_CLOUD = (
    (0.04, 0.24, 0.48, 0.68),
    (0.2, 0.06, 0.6, 0.46),
    (0.44, 0.03, 0.8, 0.39),
    (0.58, 0.2, 0.98, 0.6),
)


def _cloud(brush: _Brush) -> None:
    # Round above, flat below: the flat base is what tells it from a puddle.
    for inset, paint in ((0.0, brush.light), (0.02, None)):
        brush.ellipses(
            *((a + inset, b + inset, c - inset, d - inset) for a, b, c, d in _CLOUD), paint=paint
        )
        brush.block(inset, 0.4 + inset, 1 - inset, 0.93 - inset, radius=0.25, paint=paint)
        brush.block(0.2, 0.3, 0.8, 0.8, paint=paint)


_PUDDLE = (
    (0.08, 0.1, 0.92, 0.9),
    (0.0, 0.3, 0.6, 0.84),
    (0.4, 0.16, 1.0, 0.74),
    (0.3, 0.5, 0.84, 0.97),
)
_DROPS = ((0.02, 0.1, 0.13, 0.2), (0.87, 0.82, 0.99, 0.93), (0.08, 0.88, 0.15, 0.95))


def _puddle(brush: _Brush) -> None:
    brush.ellipses(*_PUDDLE, *_DROPS, paint=brush.dark)
    brush.ellipses(
        *((a + 0.02, b + 0.02, c - 0.02, d - 0.02) for a, b, c, d in (*_PUDDLE, *_DROPS))
    )
    shine = mix(brush.light, _WHITE, 0.7)
    brush.ellipse(0.2, 0.19, 0.36, 0.245, paint=shine)
    brush.ellipse(0.13, 0.27, 0.19, 0.305, paint=shine)
    brush.ellipse(0.66, 0.83, 0.78, 0.865, paint=shine)


def _sign(brush: _Brush) -> None:
    brush.block(0.45, 0.85, 0.55, 1.0, paint=(126, 92, 62))
    brush.block(0.0, 0.02, 1.0, 0.89, radius=0.08, paint=brush.dark)
    brush.block(0.02, 0.04, 0.98, 0.87, radius=0.065, paint=mix(brush.light, _WHITE, 0.75))
    brush.block(0.055, 0.075, 0.945, 0.835, radius=0.04)


def _box(brush: _Brush) -> None:
    brush.polygon(0.0, 0.13, 0.13, 0.0, 1.0, 0.0, 0.87, 0.13, paint=brush.light)
    brush.polygon(0.87, 0.13, 1.0, 0.0, 1.0, 0.87, 0.87, 1.0, paint=mix(brush.tone, _BLACK, 0.4))
    brush.block(0.0, 0.13, 0.87, 1.0, paint=brush.dark)
    brush.block(0.015, 0.145, 0.855, 0.985)


_DRAWINGS: dict[str, Callable[[_Brush], None]] = {
    "rug": _rug,
    "plate": _plate,
    "cloud": _cloud,
    "puddle": _puddle,
    "sign": _sign,
    "box": _box,
}
