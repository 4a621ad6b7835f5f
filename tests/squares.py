"""Plain squares in place of emoji, so that scenes are drawn without the font."""

from __future__ import annotations

import numpy as np
from PIL import Image

from emoji_scenes import Sprites
from emoji_scenes.sprites import Sprite


class Squares(Sprites):
    """Stands in for the drawings where the font is not needed."""

    def __init__(self) -> None:
        self.object = lambda _noun, _colour, _flipped, pixels: square(pixels, 200)
        self.surface = lambda _surface, pixels: square(pixels, 90)


def square(pixels: int, tone: int) -> Sprite:
    image = Image.new("RGBA", (pixels, pixels), (tone, tone, tone, 255))
    return Sprite(image, np.ones((pixels, pixels), np.bool_))
