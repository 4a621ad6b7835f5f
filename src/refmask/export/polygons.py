"""Answers as polygons: plain JSON, Labelme's files, and YOLO's data sets."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any

from refmask.export.collection import Collection, File, ImageAnswers, Instance
from refmask.ops.files import as_utf8
from refmask.ops.polygons import joined, polygons


def outlines(collection: Collection) -> Iterator[File]:
    """``polygons.json``: the parts of each instance, lists of corners [x, y] in pixels."""
    yield File.json(
        "polygons.json",
        [
            {
                "image": str(image.path),
                "height": image.height,
                "width": image.width,
                "objects": [
                    {
                        **instance.attributes,
                        "box": list(instance.region.box),
                        "area": instance.region.area,
                        "polygons": [part.tolist() for part in polygons(instance.region.mask)],
                    }
                    for instance in image.instances
                ],
            }
            for image in collection.images
        ],
    )


#: The version of labelme whose format this is.
VERSION = "5.5.0"


def labelme(collection: Collection) -> Iterator[File]:
    """``STEM.json``, with a relative path to its image, or beside a copy of it."""
    copied = collection.options.copy_images
    for image in collection.images:
        path = os.path.relpath(image.path, collection.folder)
        if copied:
            path = image.stem + image.path.suffix
            yield File(path, image.path)
        content = _labelme(image, PurePath(path).as_posix(), collection)
        yield File.json(f"{image.stem}.json", content)


def _labelme(image: ImageAnswers, path: str, collection: Collection) -> dict[str, Any]:
    return {
        "version": VERSION,
        "flags": {},
        "shapes": [
            shape
            for number, instance in enumerate(image.instances)
            for shape in _shapes(instance, number)
        ],
        "imagePath": path,
        "imageData": None,
        "imageHeight": image.height,
        "imageWidth": image.width,
        # labelme keeps unknown fields.
        "provenance": [origin.to_dict() for origin in collection.origins],
    }


def _shapes(instance: Instance, number: int) -> Iterator[dict[str, Any]]:
    """The parts of a mask, with a common group."""
    parts, answer = polygons(instance.region.mask), instance.answer
    model = "" if answer.provenance is None else f"; {answer.provenance.caption}"
    for polygon in parts:
        yield {
            "label": instance.label,
            "points": polygon.astype(float).tolist(),
            "group_id": number if len(parts) > 1 else None,
            "description": f"{answer.expression} ({answer.verdict}{model})",
            "shape_type": "polygon",
            "flags": {"unsure": answer.unsure},
        }


def yolo(collection: Collection) -> Iterator[File]:
    """``data.yaml``, ``labels/STEM.txt`` and ``images/STEM.*``, a link or a copy.

    Comments in ``data.yaml`` hold the provenance, and list unsure answers.
    """
    names = "".join(f"  {number}: {_quoted(name)}\n" for name, number in collection.labels.items())
    names = f"\n{names}" if names else " {}\n"
    content = f"train: images\nval: images\nnames:{names}"
    yield File("data.yaml", as_utf8(_origins(collection) + _unsure(collection) + content))
    for image in collection.images:
        lines = "".join(_lines(image, collection))
        yield File(f"labels/{image.stem}.txt", lines.encode())
        yield File(f"images/{image.stem}{image.path.suffix}", image.path)


def _origins(collection: Collection) -> str:
    """Comments with the provenance, one line each."""
    return "".join(f"# {' '.join(str(origin).split())}\n" for origin in collection.origins)


def _unsure(collection: Collection) -> str:
    """Comments that list unsure lines of labels, with reasons."""
    unsure = [
        (f"labels/{image.stem}.txt line {number}", " ".join(instance.answer.verdict.split()))
        for image in collection.images
        for number, instance in enumerate(image.instances, 1)
        if instance.answer.unsure
    ]
    return "".join(f"# unsure: {where}: {verdict}\n" for where, verdict in unsure)


def _lines(image: ImageAnswers, collection: Collection) -> Iterator[str]:
    for instance in image.instances:
        outline = joined(polygons(instance.region.mask)) / (image.width, image.height)
        corners = " ".join(f"{share:.6g}" for share in outline.ravel())
        yield f"{collection.labels[instance.label]} {corners}\n"


def _quoted(text: str) -> str:
    """A YAML string of any text."""
    plain = (
        letter if letter.isprintable() and letter not in '"\\' else f"\\U{ord(letter):08x}"
        for letter in text
    )
    return f'"{"".join(plain)}"'
