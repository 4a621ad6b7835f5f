"""Answers as files: mask, overlay and record of each, in a folder per image."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

from refmask.answer import Segmentation
from refmask.ops.files import as_utf8, write_whole
from refmask.types import UInt8Array
from refmask.visualize.overlay import overlay, png


def image_folders(images: Sequence[Path]) -> list[str]:
    """A folder name for each image: its stem, numbered where stems repeat."""
    names: dict[str, None] = {}
    for image in images:
        name, number = image.stem, 2
        while name in names:
            name, number = f"{image.stem}-{number}", number + 1
        names[name] = None
    return list(names)


def answer_names(expressions: Sequence[str]) -> list[str]:
    """A file name for each expression: its number and its first words."""
    words = [re.sub(r"\W+", "-", text.lower()).strip("-")[:40].strip("-") for text in expressions]
    return [f"{number:02d}-{word}".rstrip("-") for number, word in enumerate(words, 1)]


def write_answer(
    folder: Path, name: str, image: UInt8Array, answer: Segmentation, top: int = 1
) -> Path:
    """Write ``NAME.mask.png``, ``NAME.overlay.png`` and ``NAME.json``; returns the overlay.

    Raises:
        ConfigurationError: when the folder cannot be written.
    """
    drawing = folder / f"{name}.overlay.png"
    write_whole(folder / f"{name}.mask.png", png(answer.mask))
    write_whole(drawing, png(overlay(image, answer)))
    content = json.dumps(answer.to_dict(top), ensure_ascii=False, indent=1) + "\n"
    write_whole(folder / f"{name}.json", as_utf8(content))
    return drawing
