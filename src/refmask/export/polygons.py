"""Answers as polygons: plain JSON, Labelme's files, and YOLO's data sets."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any

from refmask.export.collection import Collection, File, ImageAnswers, Object
from refmask.ops.files import as_utf8
from refmask.ops.polygons import joined, polygons


def outlines(collection: Collection) -> Iterator[File]:
    """``polygons.json``: per object its parts, each a list of corners [x, y] in pixels."""
    yield File.json(
        "polygons.json",
        [
            {
                "image": str(image.path),
                "height": image.height,
                "width": image.width,
                "objects": [
                    {
                        **thing.told,
                        "box": list(thing.found.box),
                        "area": thing.found.area,
                        "polygons": [part.tolist() for part in polygons(thing.found.mask)],
                    }
                    for thing in image.objects
                ],
            }
            for image in collection.images
        ],
    )


#: The version of labelme whose form this is.
VERSION = "5.5.0"


def labelme(collection: Collection) -> Iterator[File]:
    """``STEM.json``, which names its image by a relative path, or beside a copy of it."""
    copied = collection.options.copy_images
    for image in collection.images:
        beside = image.stem + image.path.suffix
        if copied:
            yield File(beside, image.path)
        there = beside if copied else os.path.relpath(image.path, collection.folder)
        yield File.json(f"{image.stem}.json", _page(image, PurePath(there).as_posix(), collection))


def _page(image: ImageAnswers, path: str, collection: Collection) -> dict[str, Any]:
    return {
        "version": VERSION,
        "flags": {},
        "shapes": [
            shape for number, thing in enumerate(image.objects) for shape in _shapes(thing, number)
        ],
        "imagePath": path,
        "imageData": None,
        "imageHeight": image.height,
        "imageWidth": image.width,
        # What labelme does not know it keeps as it is.
        "provenance": [origin.to_dict() for origin in collection.origins],
    }


def _shapes(thing: Object, number: int) -> Iterator[dict[str, Any]]:
    """The parts of a mask, held together by their group."""
    parts, answer = polygons(thing.found.mask), thing.answer
    model = "" if answer.provenance is None else f"; {answer.provenance.caption}"
    for polygon in parts:
        yield {
            "label": thing.label,
            "points": polygon.astype(float).tolist(),
            "group_id": number if len(parts) > 1 else None,
            "description": f"{answer.expression} ({answer.verdict}{model})",
            "shape_type": "polygon",
            "flags": {"unsure": answer.unsure},
        }


def yolo(collection: Collection) -> Iterator[File]:
    """``data.yaml``, ``labels/STEM.txt`` and ``images/STEM.*``, a link or a copy.

    Comments of ``data.yaml`` say where the answers come from, and which of them are unsure.
    """
    names = "".join(f"  {number}: {_quoted(name)}\n" for name, number in collection.labels.items())
    told = f"train: images\nval: images\nnames:{chr(10) + names if names else ' {}'}".strip() + "\n"
    yield File("data.yaml", as_utf8(_origins(collection) + _doubts(collection) + told))
    for image in collection.images:
        lines = "".join(_lines(image, collection))
        yield File(f"labels/{image.stem}.txt", lines.encode())
        yield File(f"images/{image.stem}{image.path.suffix}", image.path)


def _origins(collection: Collection) -> str:
    """Comments that say where the answers come from, one line each."""
    return "".join(f"# {' '.join(str(origin).split())}\n" for origin in collection.origins)


def _doubts(collection: Collection) -> str:
    """Comments that say which lines of the labels are unsure, and why."""
    told = [
        (f"labels/{image.stem}.txt line {number}", " ".join(thing.answer.verdict.split()))
        for image in collection.images
        for number, thing in enumerate(image.objects, 1)
        if thing.answer.unsure
    ]
    return "".join(f"# unsure: {where}: {verdict}\n" for where, verdict in told)


def _lines(image: ImageAnswers, collection: Collection) -> Iterator[str]:
    for thing in image.objects:
        outline = joined(polygons(thing.found.mask)) / (image.width, image.height)
        corners = " ".join(f"{share:.6g}" for share in outline.ravel())
        yield f"{collection.labels[thing.label]} {corners}\n"


def _quoted(text: str) -> str:
    """A YAML string, whatever is in the text."""
    plain = (
        letter if letter.isprintable() and letter not in '"\\' else f"\\U{ord(letter):08x}"
        for letter in text
    )
    return f'"{"".join(plain)}"'
