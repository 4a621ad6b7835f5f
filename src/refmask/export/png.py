"""Answers as PNGs: one per object, or one per image whose pixels are labels (Pascal VOC)."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from refmask.errors import ConfigurationError
from refmask.export.collection import Collection, File, ImageAnswers
from refmask.export.folder import answer_names
from refmask.provenance import Provenance
from refmask.types import UInt8Array
from refmask.visualize.overlay import png


def masks(collection: Collection) -> Iterator[File]:
    """``STEM/01-LABEL.png``, 255 where the object is, and ``masks.json``, what each file shows."""
    told = []
    for image in collection.images:
        names = answer_names([thing.label for thing in image.objects])
        for name, thing in zip(names, image.objects, strict=True):
            path = f"{image.stem}/{name}.png"
            told.append({"file": path, "image": str(image.path), **thing.told})
            yield File(path, png(thing.found.mask))
    yield File.json("masks.json", told)


#: VOC keeps 255 for pixels that do not count, and 0 for the background.
MOST = 254


def palette(collection: Collection) -> Iterator[File]:
    """``STEM.png``, pixels 1 for the first label, and ``legend.json``.

    The images' text chunks "Source" say where the answers come from; the legend says so, too, and
    of each label in which images it is unsure.

    Where objects overlap, the one of higher confidence is on top.

    Raises:
        ConfigurationError: for more labels than a PNG's palette can hold.
    """
    if len(collection.labels) > MOST:
        raise ConfigurationError(
            f"expected at most {MOST} labels in the format palette, got {len(collection.labels)}; "
            "choose `label=head` or the format png"
        )
    colours = voc_colours()
    legend: list[dict[str, Any]] = [
        {"pixel": number, "label": name, "colour": colours[number].tolist()}
        for number, name in enumerate(["background", *collection.labels])
    ]
    for row in legend[1:]:
        row |= _told(collection, row["label"])
    yield File.json("legend.json", legend)
    for image in collection.images:
        pixels = _pixels(image, collection)
        yield File(f"{image.stem}.png", _indexed(pixels, colours, collection.origins))


def _told(collection: Collection, label: str) -> dict[str, Any]:
    """In which images the objects of a label are unsure and why, and where they come from."""
    objects = [
        (f"{image.stem}.png", thing.answer)
        for image in collection.images
        for thing in image.objects
        if thing.label == label
    ]
    origins = dict.fromkeys(answer.provenance for _, answer in objects)
    return {
        "unsure": {name: answer.reason for name, answer in objects if answer.unsure},
        "provenance": [origin.to_dict() for origin in origins if origin is not None],
    }


def voc_colours() -> UInt8Array:
    """VOC's colours, uint8 (256, 3).

    The bits of a number go to red, green and blue by turns, the lowest to their highest bits.
    """
    bits = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1, bitorder="little")
    # The k-th bits of the three colours are bits 3k, 3k + 1 and 3k + 2 of the number.
    by_colour = np.pad(bits, ((0, 0), (0, 16))).reshape(256, 8, 3).transpose(0, 2, 1)
    return np.packbits(by_colour, axis=2)[..., 0]


def _pixels(image: ImageAnswers, collection: Collection) -> UInt8Array:
    pixels = np.zeros((image.height, image.width), np.uint8)
    for thing in sorted(image.objects, key=lambda thing: thing.answer.score):
        pixels[thing.found.mask] = collection.labels[thing.label] + 1
    return pixels


def _indexed(pixels: UInt8Array, colours: UInt8Array, origins: Sequence[Provenance]) -> bytes:
    image = Image.fromarray(pixels)
    image.putpalette(colours.tobytes())
    file, told = io.BytesIO(), PngInfo()
    for origin in origins:
        told.add_itxt("Source", str(origin))
    image.save(file, format="PNG", optimize=True, pnginfo=told)
    return file.getvalue()
