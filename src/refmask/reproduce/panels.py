"""Draw examples in rows: the expression above, the ground truth and the answers as panels."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from refmask.types import BoolArray, UInt8Array
from refmask.visualize.overlay import ANSWER, FAINT, INK, outline

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.figure import Figure

Colour = tuple[int, int, int]

#: Sizes of a panel and of the space around it, in inches.
WIDTH, TALLEST, GAP, MARGIN = 1.8, 2.1, 0.07, 0.12
HEADING, LINE, CAPTION = 0.26, 0.18, 0.24
#: Size of text, in points, and its letters per inch.
SIZE, LETTERS = 8.5, 14.5
#: Longer side of a panel's image, in pixels.
SIDE = 540


@dataclass(frozen=True, eq=False)
class Panel:
    """One mask over the image.

    Attributes:
        mask: bool (H, W).
        colour: of its outline, red, green and blue, 0 to 255.
        caption: below it.
    """

    mask: BoolArray
    colour: Colour
    caption: str = ""


@dataclass(frozen=True, eq=False)
class Row:
    """One example.

    Attributes:
        image: uint8 RGB (H, W, 3).
        expression: as written.
        noun_phrase: the part of it that is marked.
        panels: one per column.
        note: what it is an example of.
    """

    image: UInt8Array
    expression: str
    noun_phrase: str
    panels: Sequence[Panel]
    note: str = ""

    @property
    def extent(self) -> tuple[float, float]:
        """Width and height of its images on paper, in inches."""
        height, width = self.image.shape[:2]
        scale = min(WIDTH / width, TALLEST / height)
        return scale * width, scale * height


def draw(columns: Sequence[str], rows: Sequence[Row], abreast: int = 1) -> Figure:
    """A figure of examples.

    Args:
        columns: titles of each example's panels.
        rows: at least one example.
        abreast: most examples side by side; a new note starts a new line.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    block = len(columns) * (WIDTH + GAP) - GAP
    lines = [
        _Line(group[start : start + abreast], block)
        for group in (list(alike) for _, alike in groupby(rows, key=lambda row: row.note))
        for start in range(0, len(group), abreast)
    ]
    most = max(len(line.rows) for line in lines)
    lefts = [MARGIN + number * (block + 3 * GAP) for number in range(most)]
    height = HEADING + sum(line.height for line in lines) + 2 * MARGIN
    figure = Figure(figsize=(lefts[-1] + block + MARGIN, height))
    FigureCanvasAgg(figure)
    pen = _Pen(figure)
    for left in lefts:
        for number, name in enumerate(columns):
            pen.label(left + number * (WIDTH + GAP) + WIDTH / 2, MARGIN, name, weight="bold")
    top = MARGIN + HEADING
    for line in lines:
        for row, title, left in zip(line.rows, line.titles, lefts, strict=False):
            pen.text(left, top, title)
            _draw_panels(pen, row, left, top + line.above)
        top += line.height
    return figure


def mark(expression: str, noun_phrase: str) -> list[tuple[str, bool]]:
    """The words of an expression, each with whether it belongs to the noun phrase.

    Letter case, and spaces that a tokeniser inserted, do not matter.
    """
    words = expression.split()
    text = " ".join(words)
    parts = r"\s*".join(map(re.escape, noun_phrase.split()))
    match = re.search(rf"(?<!\w){parts}(?!\w)", text, re.IGNORECASE) if parts else None
    start, end = match.span() if match else (0, 0)
    marked, position = [], 0
    for word in words:
        marked.append((word, position < end and position + len(word) > start))
        position += len(word) + 1
    return marked


def paint(image: UInt8Array, mask: BoolArray, colour: Colour) -> UInt8Array:
    """The image at a panel's size with a mask outlined and the rest faded.

    Args:
        image: uint8 RGB (H, W, 3).
        mask: bool (H, W).
        colour: of the outline.

    Returns:
        uint8 RGB, its longer side ``SIDE`` pixels.
    """
    scale = SIDE / max(image.shape[:2])
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    resized = Image.fromarray(image).resize(size, Image.Resampling.BICUBIC)
    canvas: npt.NDArray[np.float32] = np.array(resized, np.float32)
    inside = np.array(Image.fromarray(mask).resize(size, Image.Resampling.NEAREST), np.bool_)
    grey = canvas.mean(axis=2, keepdims=True)
    canvas = np.where(inside[..., None], canvas, 0.45 * canvas + 0.2 * grey + 80)
    outline(canvas, inside, colour, rimmed=True)
    return canvas.clip(0, 255).astype(np.uint8)


#: A word with its colour and weight.
_Word = tuple[str, Colour, str]


class _Line:
    """Examples side by side.

    Attributes:
        rows: the examples.
        titles: lines of words above each.
        above: height of the titles, in inches.
        height: of the whole line, in inches.
    """

    def __init__(self, rows: Sequence[Row], width: float) -> None:
        """Break the titles into lines of at most ``width`` inches."""
        self.rows = rows
        self.titles = [_title(row, width) for row in rows]
        self.above = LINE * max(map(len, self.titles))
        self.height = self.above + max(row.extent[1] for row in rows) + CAPTION


def _title(row: Row, width: float) -> list[list[_Word]]:
    """Note and expression, in lines of at most ``width`` inches."""
    words: list[_Word] = [(word, FAINT, "normal") for word in row.note.split()]
    words += [("·", FAINT, "normal")] if words else []
    for text, marked in mark(row.expression, row.noun_phrase):
        words.append((text, ANSWER, "bold") if marked else (text, INK, "normal"))
    lines: list[list[_Word]] = [[]]
    for word in words:
        letters = sum(len(other) + 1 for other, *_ in lines[-1]) + len(word[0])
        if lines[-1] and letters > LETTERS * width:
            lines.append([])
        lines[-1].append(word)
    return lines


def _draw_panels(pen: _Pen, row: Row, left: float, top: float) -> None:
    width, height = row.extent
    for number, panel in enumerate(row.panels):
        start = left + number * (WIDTH + GAP) + (WIDTH - width) / 2
        pen.image(start, top, width, height, paint(row.image, panel.mask, panel.colour))
        pen.label(start + width / 2, top + height + 0.04, panel.caption)


class _Pen:
    """Draws on a figure; positions are in inches from its upper left corner."""

    def __init__(self, figure: Figure) -> None:
        self._figure = figure
        self._width, self._height = map(float, figure.get_size_inches())

    def label(self, centre: float, top: float, words: str, weight: str = "normal") -> None:
        """One centred line of text."""
        style: dict[str, Any] = {"ha": "center", "va": "top", "fontweight": weight}
        style |= {"fontsize": SIZE, "color": _shade(INK), "parse_math": False}
        self._figure.text(centre / self._width, 1 - top / self._height, words, **style)

    def image(
        self, left: float, top: float, width: float, height: float, pixels: UInt8Array
    ) -> None:
        """Pixels, uint8 RGB."""
        below = 1 - (top + height) / self._height
        extent = (left / self._width, below, width / self._width, height / self._height)
        axes = self._figure.add_axes(extent)
        axes.imshow(pixels, aspect="auto", interpolation="antialiased")
        axes.set_axis_off()

    def text(self, left: float, top: float, lines: Sequence[Sequence[_Word]]) -> None:
        """Lines of words, each in its colour and weight."""
        from matplotlib.offsetbox import AnnotationBbox, HPacker, TextArea, VPacker

        style = {"fontsize": SIZE, "parse_math": False}
        boxes: list[Artist] = []
        for line in lines:
            words: list[Artist] = [
                TextArea(word, textprops={"color": _shade(colour), "fontweight": weight, **style})
                for word, colour, weight in line
            ]
            boxes.append(HPacker(children=words, align="baseline", pad=0, sep=SIZE / 3))
        box = AnnotationBbox(
            VPacker(children=boxes, align="left", pad=0, sep=2),
            (left / self._width, 1 - top / self._height),
            xycoords="figure fraction",
            box_alignment=(0, 1),
            frameon=False,
            pad=0,
        )
        self._figure.add_artist(box)


def _shade(colour: Colour) -> tuple[float, float, float]:
    red, green, blue = colour
    return red / 255, green / 255, blue / 255
