"""COCO's ``instances.json``: images, annotations and categories."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Collection, Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from refmask.errors import InputError, MaskError
from refmask.limits import check_masks
from refmask.ops.reading import MISSHAPEN, parse_json, whole
from refmask.ops.segmentations import (
    decode_apart,
    decode_segmentation,
    draws,
    tell_undrawn,
    without_slivers,
)
from refmask.types import BoolArray, MaskProposals, sealed


@dataclass(frozen=True)
class ImageRecord:
    """An image as the table tells of it; sides in pixels."""

    id: int
    file: str
    height: int
    width: int


@dataclass(frozen=True, eq=False)
class Annotation:
    """One thing in an image; its mask is decoded when it is asked for.

    Attributes:
        id: unique within the table.
        category: the id of its class.
        crowd: it stands for many things at once.
        segmentation: polygons or a run-length encoding; None where there is a box alone.
    """

    id: int
    category: int
    crowd: bool
    segmentation: Any

    @property
    def drawn(self) -> bool:
        """Whether it outlines anything."""
        return draws(self.segmentation)

    def mask(self, image: ImageRecord, *, apart: bool = False) -> BoolArray:
        """Its bool (H, W) mask; polygons of fewer than three corners enclose nothing.

        Args:
            image: the one it lies in.
            apart: what several of its polygons share is outside.

        Raises:
            MaskError: when no polygon is left, or it is damaged.
        """
        where = f"annotation {self.id} of image {image.file}"
        if not self.drawn:
            raise MaskError(
                f"expected {where} to have a polygon of three corners or more, it has none; "
                "remove the annotation and what refers to it"
            )
        drawn = decode_apart if apart else decode_segmentation
        return drawn(without_slivers(self.segmentation), where, image.height, image.width)


@dataclass(frozen=True, eq=False)
class Tables:
    """What an ``instances.json`` tells.

    Attributes:
        path: the file.
        images: by id, in the file's order.
        annotations: by image's id, each in the file's order.
        categories: class names by id.
    """

    path: Path
    images: dict[int, ImageRecord]
    annotations: dict[int, list[Annotation]]
    categories: dict[int, str]

    def instances(
        self, image: int, targets: Collection[int] = ()
    ) -> tuple[MaskProposals, dict[int, int]]:
        """All things in an image: every annotation that covers a pixel and is no crowd.

        Args:
            image: its id.
            targets: ids of annotations that are taken even when they are crowds.

        Returns:
            Masks bool (N, H, W) with ``details`` "category" and "annotation", int64 (N,): ids; and
            the row of each annotation by id.
        """
        about = self.images[image]
        rows: list[tuple[Annotation, BoolArray]] = []
        there = self.annotations.get(image, [])
        check_masks((len(there), about.height, about.width), f"image {image} of {self.path}")
        for annotation in there:
            if annotation.crowd and annotation.id not in targets:
                continue
            if not annotation.drawn:
                continue
            mask = annotation.mask(about)
            if mask.any():
                rows.append((annotation, mask))
        masks = np.zeros((len(rows), about.height, about.width), np.bool_)
        for row, (_, mask) in zip(masks, rows, strict=True):
            row[:] = mask
        details = {
            "category": np.array([annotation.category for annotation, _ in rows], np.int64),
            "annotation": np.array([annotation.id for annotation, _ in rows], np.int64),
        }
        numbers = {annotation.id: row for row, (annotation, _) in enumerate(rows)}
        return MaskProposals(sealed(masks), details=details), numbers


def parse_tables(content: bytes, path: Path, wanted: Collection[int] | None = None) -> Tables:
    """The tables of an ``instances.json``.

    Args:
        content: the file's bytes.
        path: the file, for messages.
        wanted: ids of the images whose annotations are kept; all, when not given.

    Raises:
        InputError: when it is not of COCO's form.
    """
    kept = None if wanted is None else frozenset(wanted)

    def small(record: dict[str, Any]) -> dict[str, Any]:
        """A record as it is kept while the rest is read: masks take most of the memory."""
        segmentation = record.get("segmentation")
        if segmentation is None:
            return record
        image = record.get("image_id")
        if kept is not None and isinstance(image, Hashable) and image not in kept:
            return {"image_id": None}
        if isinstance(segmentation, list):
            record["segmentation"] = [_packed(polygon) for polygon in segmentation]
        return record

    told = parse_json(content, path, hook=small)
    try:
        images = [_image(record) for record in told["images"]]
        annotations: dict[int, list[Annotation]] = defaultdict(list)
        for record in told["annotations"]:
            if record["image_id"] is not None and (kept is None or record["image_id"] in kept):
                annotations[record["image_id"]].append(_annotation(record))
        categories = {whole(row["id"]): str(row["name"]) for row in told["categories"]}
    except MISSHAPEN as error:
        raise InputError(
            f"expected COCO's images, annotations and categories in {path}, found no usable "
            f"{error}; fetch it again"
        ) from None
    things = [one for group in annotations.values() for one in group if not one.crowd]
    tell_undrawn(sum(not one.drawn for one in things), len(things), path)
    return Tables(path, {one.id: one for one in images}, dict(annotations), categories)


def _packed(polygon: Any) -> Any:
    """A polygon's numbers in an eighth of the memory of a list; anything else as it is."""
    try:
        return array("d", polygon)
    except (TypeError, OverflowError):
        return polygon


def _image(record: dict[str, Any]) -> ImageRecord:
    sides = whole(record["height"]), whole(record["width"])
    if min(sides) < 1:
        raise ValueError(f"size of image {record['id']}")
    return ImageRecord(whole(record["id"]), str(record["file_name"]), *sides)


def _annotation(record: dict[str, Any]) -> Annotation:
    return Annotation(
        id=whole(record["id"]),
        category=whole(record["category_id"]),
        crowd=bool(record.get("iscrowd", 0)),
        segmentation=record.get("segmentation"),
    )
