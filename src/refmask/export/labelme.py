"""labelme's files: one JSON per picture, one polygon per part of a mask."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any

from refmask.export.collection import Collection, File, Object, Picture
from refmask.ops.polygons import polygons

#: The version of labelme whose form this is.
VERSION = "5.5.0"


def labelme(collection: Collection) -> Iterator[File]:
    """``STEM.json``, which names its picture by a relative path, or beside a copy of it."""
    copied = collection.options.copy_pictures
    for picture in collection.pictures:
        beside = picture.stem + picture.path.suffix
        if copied:
            yield File(beside, picture.path)
        there = beside if copied else os.path.relpath(picture.path, collection.folder)
        yield File.json(
            f"{picture.stem}.json", _page(picture, PurePath(there).as_posix(), collection)
        )


def _page(picture: Picture, path: str, collection: Collection) -> dict[str, Any]:
    return {
        "version": VERSION,
        "flags": {},
        "shapes": [
            shape
            for number, thing in enumerate(picture.objects)
            for shape in _shapes(thing, number)
        ],
        "imagePath": path,
        "imageData": None,
        "imageHeight": picture.height,
        "imageWidth": picture.width,
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
