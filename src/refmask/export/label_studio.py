"""Label Studio's tasks with predictions, and the regions in them.

Masks are in its own run-length encoding, a bit stream of RGBA pixels; polygons are in per cent of
width and height.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

import numpy as np

from refmask.export.collection import Collection, File, ImageAnswers
from refmask.ops.polygons import polygons
from refmask.provenance import Provenance
from refmask.types import BoolArray

#: Names of the tags in the labelling configuration.
IMAGE, BRUSH, POLYGON = "image", "brush", "polygon"

#: Model versions of the two kinds of prediction; a project starts from one of them.
BRUSH_VERSION, POLYGON_VERSION = "refmask-brush", "refmask-polygons"

#: Characters that XML cannot hold, and their replacement.
UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
REPLACEMENT = "\ufffd"

#: Numbers of bits that a run's length may have.
SIZES = (4, 8, 12, 16)
#: Bits of a channel's value.
WORD = 8
CHANNELS = 4


def label_studio(collection: Collection) -> Iterator[File]:
    """``tasks.json`` and ``label-config.xml``.

    Each task has two predictions of the same instances, as brush masks and as polygons.
    """
    yield File("label-config.xml", label_config(collection.labels).encode())
    tasks = [_task(image, collection) for image in collection.images]
    yield File.json("tasks.json", tasks)


def label_config(labels: Iterable[str]) -> str:
    """The labelling configuration of a project with these labels."""
    values = dict.fromkeys(quoteattr(_writable(label)) for label in labels)
    lines = "".join(f"    <Label value={value}/>\n" for value in values)
    return (
        f'<View>\n  <Image name="{IMAGE}" value="${IMAGE}"/>\n'
        f'  <BrushLabels name="{BRUSH}" toName="{IMAGE}">\n{lines}  </BrushLabels>\n'
        f'  <PolygonLabels name="{POLYGON}" toName="{IMAGE}">\n{lines}  </PolygonLabels>\n</View>\n'
    )


def _task(image: ImageAnswers, collection: Collection) -> dict[str, Any]:
    brushed: list[dict[str, Any]] = []
    outlined: list[dict[str, Any]] = []
    for number, instance in enumerate(image.instances, 1):
        mask, answer = instance.region.mask, instance.answer
        meta = remarks(answer.expression, answer.verdict, answer.provenance)
        label = _writable(instance.label)
        brushed.append(brush_region(mask, label, answer.score, f"brush-{number}") | meta)
        parts = polygon_regions(mask, label, answer.score, f"polygon-{number}")
        outlined += [part | meta for part in parts]
    least = min((instance.answer.score for instance in image.instances), default=0.0)
    return {
        "meta": {"provenance": [origin.to_dict() for origin in collection.origins]},
        "data": {IMAGE: collection.options.image_prefix + quote(collection.name_of(image))},
        "predictions": [
            {"model_version": BRUSH_VERSION, "score": least, "result": brushed},
            {"model_version": POLYGON_VERSION, "score": least, "result": outlined},
        ],
    }


def _writable(label: str) -> str:
    """A label that both files can hold."""
    return UNWRITABLE.sub(REPLACEMENT, label)


def remarks(expression: str, verdict: str, origin: Provenance | None) -> dict[str, Any]:
    """Text beside a region for annotators: expression, verdict and model."""
    model = [] if origin is None else [origin.caption]
    return {"meta": {"text": [expression, verdict, *model]}}


def brush_region(
    mask: BoolArray, label: str, score: float, name: str, tag: str = BRUSH, image: str = IMAGE
) -> dict[str, Any]:
    """A mask as a region of a BrushLabels tag.

    Args:
        mask: bool (H, W).
        label: a label of the tag.
        score: 0 to 1.
        name: id of the region, unique within its task.
        tag: name of the BrushLabels tag.
        image: name of the Image tag.
    """
    value = {"format": "rle", "rle": brush_rle(mask), "brushlabels": [label]}
    return _region(mask, "brushlabels", value, score, name, tag, image)


def polygon_regions(
    mask: BoolArray, label: str, score: float, name: str, tag: str = POLYGON, image: str = IMAGE
) -> list[dict[str, Any]]:
    """A mask as regions of a PolygonLabels tag, one for each of its parts.

    Args:
        mask: bool (H, W).
        label: a label of the tag.
        score: 0 to 1.
        name: prefix of their ids.
        tag: name of the PolygonLabels tag.
        image: name of the Image tag.
    """
    height, width = mask.shape
    values = [
        {
            "points": (part * (100 / width, 100 / height)).round(4).tolist(),
            "polygonlabels": [label],
            "closed": True,
        }
        for part in polygons(mask)
    ]
    return [
        _region(mask, "polygonlabels", value, score, f"{name}-{number}", tag, image)
        for number, value in enumerate(values, 1)
    ]


def _region(
    mask: BoolArray, kind: str, value: dict[str, Any], score: float, name: str, tag: str, image: str
) -> dict[str, Any]:
    return {
        "id": name,
        "type": kind,
        "from_name": tag,
        "to_name": image,
        "original_width": mask.shape[1],
        "original_height": mask.shape[0],
        "image_rotation": 0,
        "score": score,
        "value": value,
    }


def brush_rle(mask: BoolArray) -> list[int]:
    """A mask in Label Studio's run-length encoding.

    The header holds the number of values (32 bits), their width minus one (5) and four run sizes
    minus one (4 each). A run is a 1, the index of its size (2), its length minus one in that many
    bits, and its value. Values are of RGBA pixels, row by row: 255 inside and 0 outside, in all
    four channels.

    Args:
        mask: bool (H, W).

    Returns:
        Bytes, 0 to 255.
    """
    pixels = mask.ravel()
    starts = np.flatnonzero(np.concatenate([[True], pixels[1:] != pixels[:-1]]))
    lengths = CHANNELS * np.diff(starts, append=pixels.size)
    bits = [f"{CHANNELS * pixels.size:032b}{WORD - 1:05b}", *(f"{size - 1:04b}" for size in SIZES)]
    for inside, length in zip(pixels[starts].tolist(), lengths.tolist(), strict=True):
        whole, rest = divmod(length, 1 << SIZES[-1])
        bits += whole * [_run(1 << SIZES[-1], inside)] + ([_run(rest, inside)] if rest else [])
    stream = np.frombuffer("".join(bits).encode(), np.uint8) - ord("0")
    return [int(byte) for byte in np.packbits(stream)]


def _run(length: int, inside: bool) -> str:
    number = next(number for number, size in enumerate(SIZES) if length <= 1 << size)
    return f"1{number:02b}{length - 1:0{SIZES[number]}b}{255 * inside:0{WORD}b}"
