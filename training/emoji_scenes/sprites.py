"""Objects and surfaces as small images with a transparent surrounding, the small ones kept."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

from emoji_scenes.layout import Surface
from emoji_scenes.surfaces import draw_surface
from emoji_scenes.vocabulary import EMOJI, TONES
from refmask.errors import MissingResource
from refmask.types import BoolArray

FONT = Path("/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf")

#: The only size of the font's bitmaps, in pixels.
_STRIKE = 109

#: The largest sprites worth keeping, in pixels: all of a training run at 112 pixels take 0.2 GB,
#: those of large images would take gigabytes and are seldom met again.
_KEPT = 64


@dataclass(frozen=True, eq=False)
class Sprite:
    """A drawing to be pasted.

    Attributes:
        image: RGBA, with a soft shadow around the thing itself.
        mask: bool (h, w), the thing alone.
    """

    image: Image.Image
    mask: BoolArray

    @cached_property
    def colours(self) -> Image.Image:
        """The image without its transparency, RGB."""
        return self.image.convert("RGB")

    @cached_property
    def alpha(self) -> Image.Image:
        """The image's opacity, L."""
        return self.image.getchannel("A")


class Sprites:
    """Sprites of objects and surfaces, the small ones cached per look and pixel size.

    Args:
        font: path of Noto Color Emoji; Debian's place when None.

    Raises:
        MissingResource: when the font is not there or has no colour bitmaps.
    """

    def __init__(self, font: Path | None = None) -> None:
        path = FONT if font is None else font
        try:
            self._font = ImageFont.truetype(str(path), _STRIKE)
        except OSError as error:
            raise MissingResource(
                f"expected the Noto Color Emoji font at {path}, found none that can be read "
                f"({error}); install Debian's fonts-noto-color-emoji or name the file with --font"
            ) from error
        self._glyph = lru_cache(maxsize=None)(self._make_glyph)
        self._object = lru_cache(maxsize=None)(self._make_object)
        self._surface = lru_cache(maxsize=None)(self._make_surface)

    def object(self, noun: str, colour: str, flipped: bool, pixels: int) -> Sprite:
        """The sprite of an object whose longer side has ``pixels`` pixels, in its middle."""
        make = self._object if pixels <= _KEPT else self._make_object
        return make(noun, colour, flipped, pixels)

    def surface(self, surface: Surface, pixels: int) -> Sprite:
        """The sprite of a surface ``pixels`` wide, in its middle."""
        # Its fractional size must not split the cache: only the pixels count.
        make = self._surface if pixels <= _KEPT else self._make_surface
        return make(replace(surface, size=0.0), pixels)

    def _make_object(self, noun: str, colour: str, flipped: bool, pixels: int) -> Sprite:
        glyph = self._glyph(noun, colour)
        factor = pixels / max(glyph.size)
        size = (max(1, round(glyph.width * factor)), max(1, round(glyph.height * factor)))
        small = glyph.resize(size, Image.Resampling.LANCZOS)
        if flipped:
            small = small.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        return _with_shadow(small, max(1, pixels // 18), 0.22)

    def _make_surface(self, surface: Surface, pixels: int) -> Sprite:
        return _with_shadow(draw_surface(surface, pixels), max(1, pixels // 20), 0.25)

    def _make_glyph(self, noun: str, colour: str) -> Image.Image:
        """The tinted emoji at the font's own size, trimmed, with a thin dark outline."""
        raw = Image.new("RGBA", (2 * _STRIKE, 2 * _STRIKE))
        draw = ImageDraw.Draw(raw)
        draw.text((_STRIKE // 4, _STRIKE // 4), EMOJI[noun], font=self._font, embedded_color=True)
        box = raw.getbbox()
        if box is None:
            raise MissingResource(
                f"expected a colour bitmap of {noun!r} in the font, found none; "
                "use Noto Color Emoji with bitmaps (CBDT), as in Debian's fonts-noto-color-emoji"
            )
        tinted = _tint(raw.crop((box[0] - 2, box[1] - 2, box[2] + 2, box[3] + 2)), colour)
        alpha = tinted.getchannel("A").filter(ImageFilter.MaxFilter(3))
        dark = tuple(round(channel * 0.42) for channel in TONES[colour])
        outlined = Image.new("RGBA", tinted.size, (*dark, 0))
        outlined.putalpha(alpha)
        return Image.alpha_composite(outlined, tinted)


def _tint(glyph: Image.Image, colour: str) -> Image.Image:
    """The drawing in tones of one colour: its median brightness becomes the colour itself."""
    pixels = np.asarray(glyph, np.float32)
    light = pixels[..., :3] @ np.array([0.299, 0.587, 0.114], np.float32) / 255
    middle = np.median(light[pixels[..., 3] > 128])
    # Squeezed, so that the thing stays rather uniform and a grouping of pixels keeps it whole.
    place = (0.5 + (light - middle) / 2.3).clip(0.14, 0.92)[..., None]
    tone = np.array(TONES[colour], np.float32)
    dark, pale = 0.28 * tone, tone + 0.6 * (255 - tone)
    below = dark + (tone - dark) * place * 2
    above = tone + (pale - tone) * (place - 0.5) * 2
    tinted = np.where(place < 0.5, below, above)
    rgba = np.dstack([tinted, pixels[..., 3]]).clip(0, 255)
    return Image.fromarray(rgba.round().astype(np.uint8))


def _with_shadow(thing: Image.Image, reach: int, strength: float) -> Sprite:
    """A sprite with margins of ``3 * reach`` pixels and a soft shadow that falls downwards."""
    margin = 3 * reach
    size = (thing.width + 2 * margin, thing.height + 2 * margin)
    alpha = Image.new("L", size)
    alpha.paste(thing.getchannel("A"), (margin, margin))
    fallen = ImageChops.offset(alpha, 0, reach).filter(ImageFilter.GaussianBlur(reach))
    shadow = Image.new("RGBA", size)
    shadow.putalpha(fallen.point([round(strength * value) for value in range(256)]))
    upper = Image.new("RGBA", size)
    upper.paste(thing, (margin, margin))
    mask: BoolArray = np.asarray(alpha) >= 128
    return Sprite(Image.alpha_composite(shadow, upper), mask)
