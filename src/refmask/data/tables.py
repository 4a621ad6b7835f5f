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
    """An image's entry in the table; sides in pixels."""

    id: int
    file: str
    height: int
    width: int


@dataclass(frozen=True, eq=False)
class Annotation:
    """One instance in an image; ``mask`` decodes its mask.

    Attributes:
        id: unique within the table.
        category: the id of its class.
        crowd: whether it covers many objects at once.
        segmentation: polygons or a run-length encoding; None where there is only a box.
    """

    id: int
    category: int
    crowd: bool
    segmentation: Any

    @property
    def drawn(self) -> bool:
        """Whether it has a mask."""
        return draws(self.segmentation)

    def mask(self, image: ImageRecord, *, apart: bool = False) -> BoolArray:
        """Its bool (H, W) mask; polygons of fewer than three corners enclose nothing.

        Args:
            image: its image.
            apart: pixels where its polygons overlap are outside.

        Raises:
            MaskError: when no polygon is left, or it is damaged.
        """
        where = f"annotation {self.id} of image {image.file}"
        if not self.drawn:
            raise MaskError(
                f"{where} has no polygon of three corners or more; remove the annotation and the "
                "refs to it"
            )
        decode = decode_apart if apart else decode_segmentation
        return decode(without_slivers(self.segmentation), where, image.height, image.width)


@dataclass(frozen=True, eq=False)
class Tables:
    """The content of an ``instances.json``.

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
        """The instances of an image: all annotations with a pixel, without crowds.

        Args:
            image: its id.
            targets: ids of annotations that are included even if they are crowds.

        Returns:
            Masks bool (N, H, W) with ``details`` "category" and "annotation", int64 (N,): ids; and
            the row of each annotation by id.
        """
        record = self.images[image]
        size = record.height, record.width
        annotations = self.annotations.get(image, [])
        check_masks((len(annotations), *size), f"image {image} of {self.path}")
        wanted = [a for a in annotations if a.drawn and (not a.crowd or a.id in targets)]
        decoded = [(a, mask) for a in wanted if (mask := a.mask(record)).any()]
        masks = np.zeros((len(decoded), *size), np.bool_)
        for row, (_, mask) in zip(masks, decoded, strict=True):
            row[:] = mask
        details = {
            "category": np.array([a.category for a, _ in decoded], np.int64),
            "annotation": np.array([a.id for a, _ in decoded], np.int64),
        }
        rows = {a.id: row for row, (a, _) in enumerate(decoded)}
        return MaskProposals(sealed(masks), details=details), rows


def parse_tables(content: bytes, path: Path, wanted: Collection[int] | None = None) -> Tables:
    """The tables of an ``instances.json``.

    Args:
        content: the file's bytes.
        path: the file, for messages.
        wanted: ids of the images whose annotations are read; all by default.

    Raises:
        InputError: when it is not in COCO's format.
    """
    ids = None if wanted is None else frozenset(wanted)

    def compact(record: dict[str, Any]) -> dict[str, Any]:
        """A record in less memory, most of which masks take, while the rest is parsed."""
        segmentation = record.get("segmentation")
        if segmentation is None:
            return record
        image = record.get("image_id")
        if ids is not None and isinstance(image, Hashable) and image not in ids:
            return {"image_id": None}
        if isinstance(segmentation, list):
            record["segmentation"] = [_packed(polygon) for polygon in segmentation]
        return record

    data = parse_json(content, path, hook=compact)
    try:
        images = [_image(record) for record in data["images"]]
        annotations: dict[int, list[Annotation]] = defaultdict(list)
        for record in data["annotations"]:
            if record["image_id"] is not None and (ids is None or record["image_id"] in ids):
                annotations[record["image_id"]].append(_annotation(record))
        categories = {whole(row["id"]): str(row["name"]) for row in data["categories"]}
    except MISSHAPEN as error:
        raise InputError(
            f"{path} does not hold COCO's images, annotations and categories: no usable {error}; "
            "fetch it again"
        ) from None
    instances = [a for group in annotations.values() for a in group if not a.crowd]
    tell_undrawn(sum(not a.drawn for a in instances), len(instances), path)
    return Tables(path, {image.id: image for image in images}, dict(annotations), categories)


def _packed(polygon: Any) -> Any:
    """A polygon's numbers in an eighth of a list's memory; anything else unchanged."""
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
