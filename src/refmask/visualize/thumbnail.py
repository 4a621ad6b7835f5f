"""A region of an image, small, to be told from others at a glance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from refmask.errors import MaskError
from refmask.types import BoolArray, UInt8Array
from refmask.visualize.overlay import ANSWER, INK, PAPER, framed, outline

SIDE, LINE, TEXT, MARGIN = 320, 22, 15, 10


def thumbnail(
    image: UInt8Array,
    mask: BoolArray,
    caption: Sequence[str],
    side: int = SIDE,
    *,
    unsure: bool = False,
) -> UInt8Array:
    """The image with one region in an outline, the rest paler, over a caption.

    Args:
        image: uint8 RGB (H, W, 3).
        mask: bool (H, W).
        caption: its lines; those that are too long end in an ellipsis.
        side: the drawing's longer side without its caption, in pixels.
        unsure: draw a frame around all of it.

    Returns:
        uint8 RGB, ``side`` pixels wide.

    Raises:
        MaskError: when mask and image differ in size.
    """
    height, width = image.shape[:2]
    if mask.shape != (height, width):
        raise MaskError(
            f"expected a mask of {width}x{height} pixels (width x height) like the image, got "
            f"{mask.shape[1]}x{mask.shape[0]}; the image has changed since"
        )
    scale = side / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    resized = Image.fromarray(image).resize(size, Image.Resampling.LANCZOS)
    canvas: npt.NDArray[np.float32] = np.array(resized, np.float32)
    inside = np.array(Image.fromarray(mask).resize(size, Image.Resampling.NEAREST), np.bool_)
    canvas = np.where(inside[..., None], canvas, 0.55 * canvas + 0.45 * 255)
    outline(canvas, inside, ANSWER, rimmed=True)
    paper = Image.new("RGB", (side, size[1] + LINE * len(caption) + 2 * MARGIN), PAPER)
    paper.paste(Image.fromarray(canvas.clip(0, 255).astype(np.uint8)), ((side - size[0]) // 2, 0))
    pen, font = ImageDraw.Draw(paper), ImageFont.load_default(TEXT)
    for row, text in enumerate(caption):
        pen.text((MARGIN, size[1] + MARGIN + LINE * row), _cut(text, font, side), INK, font)
    return framed(np.array(paper)) if unsure else np.array(paper)


def _cut(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, side: int) -> str:
    """The text, as much of it as fits."""
    if font.getlength(text) <= side - 2 * MARGIN:
        return text
    while text and font.getlength(text + "...") > side - 2 * MARGIN:
        text = text[:-1]
    return text + "..."
