"""Answers as PNGs: one per instance, or one label map per image (Pascal VOC)."""

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
    """``STEM/01-LABEL.png``, 255 inside the mask, and ``masks.json``, which describes them."""
    rows = []
    for image in collection.images:
        names = answer_names([instance.label for instance in image.instances])
        for name, instance in zip(names, image.instances, strict=True):
            path = f"{image.stem}/{name}.png"
            rows.append({"file": path, "image": str(image.path), **instance.attributes})
            yield File(path, png(instance.region.mask))
    yield File.json("masks.json", rows)


#: Most labels: VOC reserves 255 for ignored pixels, and 0 for the background.
MOST = 254


def palette(collection: Collection) -> Iterator[File]:
    """``STEM.png``, pixels 1 for the first label, and ``legend.json``.

    The images' text chunks "Source" and the legend hold the answers' provenance; the legend also
    lists the images in which a label is unsure. Where instances overlap, the one of higher
    confidence is on top.

    Raises:
        ConfigurationError: for more labels than a PNG's palette can hold.
    """
    if len(collection.labels) > MOST:
        raise ConfigurationError(
            f"the format palette holds at most {MOST} labels, not {len(collection.labels)}; choose "
            "`label=head` or the format png"
        )
    colours = voc_colours()
    legend: list[dict[str, Any]] = [
        {"pixel": number, "label": name, "colour": colours[number].tolist()}
        for number, name in enumerate(["background", *collection.labels])
    ]
    for row in legend[1:]:
        row |= _remarks(collection, row["label"])
    yield File.json("legend.json", legend)
    for image in collection.images:
        pixels = _pixels(image, collection)
        yield File(f"{image.stem}.png", _indexed(pixels, colours, collection.origins))


def _remarks(collection: Collection, label: str) -> dict[str, Any]:
    """Images in which a label is unsure, with reasons, and its answers' provenance."""
    answers = [
        (f"{image.stem}.png", instance.answer)
        for image in collection.images
        for instance in image.instances
        if instance.label == label
    ]
    origins = dict.fromkeys(answer.provenance for _, answer in answers)
    return {
        "unsure": {name: answer.reason for name, answer in answers if answer.unsure},
        "provenance": [origin.to_dict() for origin in origins if origin is not None],
    }


def voc_colours() -> UInt8Array:
    """VOC's colours, uint8 (256, 3).

    The bits of a label go to red, green and blue in turn, its lowest bits to their highest.
    """
    bits = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1, bitorder="little")
    # The k-th bits of the three colours are bits 3k, 3k + 1 and 3k + 2 of the label.
    by_colour = np.pad(bits, ((0, 0), (0, 16))).reshape(256, 8, 3).transpose(0, 2, 1)
    return np.packbits(by_colour, axis=2)[..., 0]


def _pixels(image: ImageAnswers, collection: Collection) -> UInt8Array:
    pixels = np.zeros((image.height, image.width), np.uint8)
    for instance in sorted(image.instances, key=lambda instance: instance.answer.score):
        pixels[instance.region.mask] = collection.labels[instance.label] + 1
    return pixels


def _indexed(pixels: UInt8Array, colours: UInt8Array, origins: Sequence[Provenance]) -> bytes:
    image = Image.fromarray(pixels)
    image.putpalette(colours.tobytes())
    file, info = io.BytesIO(), PngInfo()
    for origin in origins:
        info.add_itxt("Source", str(origin))
    image.save(file, format="PNG", optimize=True, pnginfo=info)
    return file.getvalue()
