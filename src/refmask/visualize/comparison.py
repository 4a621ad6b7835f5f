"""Draw answers of several systems side by side, each with the ground truth."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from refmask.types import BoolArray, UInt8Array
from refmask.visualize.overlay import ANSWER, FAINT, INK, PAPER, outline, resized_mask
from refmask.visualize.sheet import sheet

TRUTH = (40, 200, 80)
#: Longer side of each panel's image, in pixels.
SIDE = 560
#: Letters per line of text in a panel.
LETTERS = 52


@dataclass(frozen=True, eq=False)
class Panel:
    """A system's answer.

    Attributes:
        title: system and quality.
        mask: bool (H, W).
    """

    title: str
    mask: BoolArray


def comparison(
    image: UInt8Array, target: BoolArray, expression: str, panels: Sequence[Panel]
) -> UInt8Array:
    """Draw each answer over the image, with the target dashed.

    Args:
        image: uint8 RGB (H, W, 3).
        target: bool (H, W), the ground truth.
        expression: the heading.
        panels: at least one.

    Returns:
        uint8 RGB.
    """
    drawn = sheet([_panel(image, target, panel) for panel in panels], columns=len(panels))
    heading = _text(f'"{expression}"', INK, drawn.shape[1], LETTERS * len(panels))
    legend = _text("answer: pink; target: green, dashed", FAINT, drawn.shape[1], LETTERS)
    return np.concatenate([heading, drawn, legend])


def _panel(image: UInt8Array, target: BoolArray, panel: Panel) -> UInt8Array:
    scale = SIDE / max(image.shape[:2])
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    canvas: npt.NDArray[np.float32] = np.array(
        Image.fromarray(image).resize(size, Image.Resampling.BILINEAR), np.float32
    )
    truth, answer = resized_mask(target, size), resized_mask(panel.mask, size)
    canvas[answer] = 0.6 * canvas[answer] + 0.4 * np.array(ANSWER, np.float32)
    outline(canvas, answer, ANSWER, rimmed=True)
    outline(canvas, truth, TRUTH, rimmed=True, dashed=True)
    title = _text(panel.title, INK, size[0], LETTERS)
    return np.concatenate([title, canvas.clip(0, 255).astype(np.uint8)])


def _text(words: str, colour: tuple[int, int, int], width: int, letters: int) -> UInt8Array:
    """Lines of text on white, uint8 RGB (h, width, 3)."""
    lines = textwrap.wrap(words, letters) or [""]
    strip = Image.new("RGB", (width, 26 * len(lines) + 10), PAPER)
    font = ImageFont.load_default(18)
    for number, line in enumerate(lines):
        ImageDraw.Draw(strip).text((8, 4 + 26 * number), line, font=font, fill=colour)
    return np.array(strip)
