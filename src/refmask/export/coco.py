"""COCO's instances and results, as pycocotools reads them.

``instances.json`` holds the answers as ground truth would be held, ``results.json`` as a detector's
output, about the same images and categories by the same ids. Boxes are XYWH pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from refmask.export.collection import Collection, File, Object
from refmask.ops.polygons import polygons


def coco(collection: Collection) -> Iterator[File]:
    """Both files, masks as run-length encodings, pixel for pixel."""
    yield _instances(collection, lambda thing: thing.found.segmentation)
    yield File.json(
        "results.json",
        [
            {
                "image_id": image,
                "category_id": collection.labels[thing.label] + 1,
                "segmentation": thing.found.segmentation,
                "score": thing.answer.score,
            }
            for image, thing in _objects(collection)
        ],
    )


def coco_polygons(collection: Collection) -> Iterator[File]:
    """``instances.json`` for programs that take polygons only."""
    yield _instances(
        collection,
        lambda thing: [polygon.ravel().tolist() for polygon in polygons(thing.found.mask)],
    )


def _objects(collection: Collection) -> Iterator[tuple[int, Object]]:
    """Every object with its image's id. Ids start at 1: COCO's evaluation takes 0 for none."""
    for number, image in enumerate(collection.images, 1):
        for thing in image.objects:
            yield number, thing


def _instances(collection: Collection, segmentation: Callable[[Object], Any]) -> File:
    content = {
        "info": {
            "description": "masks of referring expressions, by refmask",
            "provenance": [origin.to_dict() for origin in collection.origins],
        },
        "images": [
            {
                "id": number,
                "file_name": collection.name_of(image),
                "height": image.height,
                "width": image.width,
            }
            for number, image in enumerate(collection.images, 1)
        ],
        "annotations": [
            {
                "id": number,
                "image_id": image,
                "category_id": collection.labels[thing.label] + 1,
                "segmentation": segmentation(thing),
                "area": thing.found.area,
                "bbox": _xywh(thing),
                "iscrowd": 0,
                "attributes": thing.told,
            }
            for number, (image, thing) in enumerate(_objects(collection), 1)
        ],
        "categories": [
            {"id": number + 1, "name": name} for name, number in collection.labels.items()
        ],
    }
    return File.json("instances.json", content)


def _xywh(thing: Object) -> list[float]:
    left, top, right, bottom = thing.found.box
    return [left, top, right - left, bottom - top]
