"""Draw a region of an image as a captioned thumbnail."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from refmask.errors import MaskError
from refmask.types import BoolArray, UInt8Array
from refmask.visualize.overlay import (
    ANSWER,
    INK,
    PAPER,
    framed,
    outline,
    resized_image,
    resized_mask,
)

SIDE, LINE, TEXT, MARGIN = 320, 22, 15, 10


def thumbnail(
    image: UInt8Array,
    mask: BoolArray,
    caption: Sequence[str],
    side: int = SIDE,
    *,
    unsure: bool = False,
) -> UInt8Array:
    """Outline a region, pale the rest, and add a caption below.

    Args:
        image: uint8 RGB (H, W, 3).
        mask: bool (H, W).
        caption: lines of text; those too long end in an ellipsis.
        side: longer side of the image's drawing, in pixels.
        unsure: add a frame.

    Returns:
        uint8 RGB, ``side`` pixels wide.

    Raises:
        MaskError: when mask and image differ in size.
    """
    height, width = image.shape[:2]
    if mask.shape != (height, width):
        raise MaskError(
            f"the mask has {mask.shape[1]}x{mask.shape[0]} pixels (width x height), its image "
            f"{width}x{height}; the image has changed, update its mask"
        )
    scale = side / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    canvas: npt.NDArray[np.float32] = resized_image(image, size).astype(np.float32)
    inside = resized_mask(mask, size)
    canvas = np.where(inside[..., None], canvas, 0.55 * canvas + 0.45 * 255)
    outline(canvas, inside, ANSWER, rimmed=True)
    paper = Image.new("RGB", (side, size[1] + LINE * len(caption) + 2 * MARGIN), PAPER)
    paper.paste(Image.fromarray(canvas.clip(0, 255).astype(np.uint8)), ((side - size[0]) // 2, 0))
    pen, font = ImageDraw.Draw(paper), ImageFont.load_default(TEXT)
    for row, text in enumerate(caption):
        pen.text((MARGIN, size[1] + MARGIN + LINE * row), _cut(text, font, side), INK, font)
    return framed(np.array(paper)) if unsure else np.array(paper)


def _cut(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, side: int) -> str:
    """A text, shortened to fit."""
    if font.getlength(text) <= side - 2 * MARGIN:
        return text
    while text and font.getlength(text + "...") > side - 2 * MARGIN:
        text = text[:-1]
    return text + "..."
