"""COCO's formats of instances and results.

``instances.json`` holds the answers in the format of ground truth, ``results.json`` in that of a
detector's output, with the same ids of images and categories. Boxes are XYWH pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from refmask.export.collection import Collection, File, Instance
from refmask.ops.polygons import polygons


def coco(collection: Collection) -> Iterator[File]:
    """Both files, with exact masks in run-length encoding."""
    yield _instances_file(collection, lambda instance: instance.region.segmentation)
    yield File.json(
        "results.json",
        [
            {
                "image_id": image,
                "category_id": collection.labels[instance.label] + 1,
                "segmentation": instance.region.segmentation,
                "score": instance.answer.score,
            }
            for image, instance in _instances(collection)
        ],
    )


def coco_polygons(collection: Collection) -> Iterator[File]:
    """``instances.json`` with polygons, for programs that do not read RLE."""
    yield _instances_file(
        collection,
        lambda instance: [polygon.ravel().tolist() for polygon in polygons(instance.region.mask)],
    )


def _instances(collection: Collection) -> Iterator[tuple[int, Instance]]:
    """Every instance with its image's id. Ids start at 1: COCO's evaluation reads 0 as none."""
    for number, image in enumerate(collection.images, 1):
        for instance in image.instances:
            yield number, instance


def _instances_file(collection: Collection, segmentation: Callable[[Instance], Any]) -> File:
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
                "category_id": collection.labels[instance.label] + 1,
                "segmentation": segmentation(instance),
                "area": instance.region.area,
                "bbox": _xywh(instance),
                "iscrowd": 0,
                "attributes": instance.attributes,
            }
            for number, (image, instance) in enumerate(_instances(collection), 1)
        ],
        "categories": [
            {"id": number + 1, "name": name} for name, number in collection.labels.items()
        ],
    }
    return File.json("instances.json", content)


def _xywh(instance: Instance) -> list[float]:
    left, top, right, bottom = instance.region.box
    return [left, top, right - left, bottom - top]
