"""Draw a sample of a data set: its image, targets and expressions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from refmask.types import BoolArray, Sample, UInt8Array
from refmask.visualize.overlay import (
    INK,
    PAPER,
    outline,
    readable_size,
    resized_image,
    resized_mask,
)
from refmask.visualize.proposals import colour

Colour = tuple[int, int, int]

LINE, TEXT, MARGIN = 24, 17, 12


def draw_sample(sample: Sample, categories: Mapping[int, str]) -> UInt8Array:
    """Outline every target in its own colour, above the expressions.

    Outlines leave the colours inside, to which expressions refer. Without expressions, the sample's
    instances are drawn above their classes.

    Args:
        sample: with queries or instances.
        categories: class names by id.

    Returns:
        uint8 RGB: the image, enlarged or reduced to a readable size, over a caption.
    """
    size = readable_size(sample.image)
    image = resized_image(sample.image, size).astype(np.float32)
    entries = [(resized_mask(mask, size), text) for mask, text in _entries(sample, categories)]
    coloured = [(mask, texts, _rgb(number)) for number, (mask, texts) in enumerate(entries)]
    for mask, _, rgb in coloured:
        outline(image, mask, rgb, rimmed=True)
    caption = _caption([(text, rgb) for _, texts, rgb in coloured for text in texts], size[0])
    sheet = Image.new("RGB", (max(size[0], caption.width), size[1] + caption.height), PAPER)
    sheet.paste(Image.fromarray(image.clip(0, 255).astype(np.uint8)), (0, 0))
    sheet.paste(caption, (0, size[1]))
    return np.array(sheet)


def _entries(
    sample: Sample, categories: Mapping[int, str]
) -> Iterator[tuple[BoolArray, list[str]]]:
    """Each mask to draw, once, with its texts."""
    if not sample.queries and sample.instances is not None:
        classes = sample.instances.details.get("category", np.zeros(0, np.int64)).tolist()
        names = [categories.get(number, str(number)) for number in classes]
        yield from (
            (mask, [name]) for mask, name in zip(sample.instances.masks, names, strict=True)
        )
        return
    entries: dict[bytes, tuple[BoolArray, list[str]]] = {}
    for query in sample.queries:
        entry = entries.setdefault(np.packbits(query.target).tobytes(), (query.target, []))
        entry[1].append(query.expression)
    yield from entries.values()


def _rgb(number: int) -> Colour:
    red, green, blue = map(round, colour(number))
    return red, green, blue


def _caption(lines: list[tuple[str, Colour]], width: int) -> Image.Image:
    """Each text after a square of its colour, on a white strip at least 320 pixels wide."""
    width = max(width, 320)
    font = ImageFont.load_default(TEXT)
    rows = [
        (row, rgb if first else None)
        for text, rgb in lines
        for first, row in _wrapped(text, font, width - LINE - 2 * MARGIN)
    ]
    strip = Image.new("RGB", (width, 2 * MARGIN + LINE * len(rows)), PAPER)
    pen = ImageDraw.Draw(strip)
    for number, (row, rgb) in enumerate(rows):
        top = MARGIN + LINE * number
        if rgb is not None:
            pen.rectangle((MARGIN, top + 3, MARGIN + TEXT - 2, top + TEXT + 1), rgb, INK)
        pen.text((MARGIN + LINE, top), row, INK, font)
    return strip


def _wrapped(
    text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int
) -> Iterator[tuple[bool, str]]:
    """Break a text into rows, each with whether it is the first."""
    row, first = "", True
    for word in text.split():
        longer = f"{row} {word}".strip()
        if row and font.getlength(longer) > width:
            yield first, row
            row, first = word, False
        else:
            row = longer
    yield first, row
