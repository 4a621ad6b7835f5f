"""Masks as polygons in plain JSON."""

from __future__ import annotations

from collections.abc import Iterator

from refmask.export.collection import Collection, File
from refmask.ops.polygons import polygons


def outlines(collection: Collection) -> Iterator[File]:
    """``polygons.json``: per object its parts, each a list of corners [x, y] in pixels."""
    yield File.json(
        "polygons.json",
        [
            {
                "picture": str(picture.path),
                "height": picture.height,
                "width": picture.width,
                "objects": [
                    {
                        **thing.told,
                        "box": list(thing.found.box),
                        "area": thing.found.area,
                        "polygons": [part.tolist() for part in polygons(thing.found.mask)],
                    }
                    for thing in picture.objects
                ],
            }
            for picture in collection.pictures
        ],
    )
