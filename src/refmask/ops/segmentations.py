"""COCO segmentations, polygons or run-length encodings from anywhere, as masks."""

from __future__ import annotations

import sys
import warnings
from array import array
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from refmask.errors import MaskError, RefmaskWarning
from refmask.ops import rle
from refmask.types import BoolArray

#: Polygons may leave the image by that many image sides; what is further out is damage.
OUTSIDE = 4

#: Numbers in a polygon of three corners.
SMALLEST = 6


def decode_segmentation(segmentation: Any, where: str, height: int, width: int) -> BoolArray:
    """The bool (H, W) mask of a segmentation; of several polygons, their union.

    Args:
        segmentation: polygons [[x1, y1, x2, y2, ...], ...] in pixels, or a run-length encoding,
            compressed or not.
        where: what to call it in an error.
        height: H.
        width: W.

    Raises:
        MaskError: when it is neither, is damaged, or is of another size.
    """
    if isinstance(segmentation, Mapping):
        return _from_runs(segmentation, where, height, width)
    return rle.from_polygons(_polygons(segmentation, where, height, width), height, width)


def decode_apart(segmentation: Any, where: str, height: int, width: int) -> BoolArray:
    """As :func:`decode_segmentation`, but what several polygons share is outside.

    The released code sums the maps of the polygons and keeps what equals 1.
    """
    if isinstance(segmentation, Mapping):
        return _from_runs(segmentation, where, height, width)
    covered = np.zeros((height, width), np.int32)
    for polygon in _polygons(segmentation, where, height, width):
        covered += rle.from_polygons([polygon], height, width)
    return np.asarray(covered == 1)


def without_slivers(segmentation: Any) -> Any:
    """The segmentation without polygons of fewer than three corners, which enclose nothing."""
    if not isinstance(segmentation, list):
        return segmentation
    return [
        polygon
        for polygon in segmentation
        if not isinstance(polygon, list | array) or len(polygon) >= SMALLEST
    ]


def draws(segmentation: Any) -> bool:
    """Whether there is anything to decode: not null, and more than polygons of two corners."""
    return segmentation is not None and without_slivers(segmentation) != []


def tell_undrawn(left_out: int, of: int, path: Path) -> None:
    """Warn of annotations that draw nothing, if there are any.

    Args:
        left_out: how many.
        of: how many there are with them.
        path: of their file.
    """
    if left_out:
        warnings.warn(
            f"left out {left_out} of {of} annotations of {path}: they have no mask, or only "
            "polygons of fewer than three corners",
            RefmaskWarning,
            stacklevel=3,
        )


def _from_runs(segmentation: Mapping[str, Any], where: str, height: int, width: int) -> BoolArray:
    """A run-length encoding, compressed or not, as bool (H, W)."""
    size, counts = segmentation.get("size"), segmentation.get("counts")
    if size != [height, width]:
        got = "x".join(map(str, reversed(size))) if isinstance(size, list) else str(size)
        raise MaskError(
            f"{where} is {got[:60]} pixels, but the image is {width}x{height} (width x height); "
            "give masks of the image's size"
        )
    return rle.decode({"size": size, "counts": counts}, where)


def _polygons(segmentation: Any, where: str, height: int, width: int) -> list[Sequence[float]]:
    """The polygons, when they are some and near the image."""
    if not isinstance(segmentation, list) or not all(
        isinstance(polygon, list | array) for polygon in segmentation
    ):
        raise MaskError(f"{where} has no segmentation as polygons or run-length encoding; add one")
    for polygon in segmentation:
        if len(polygon) % 2 or len(polygon) < SMALLEST or not all(map(is_number, polygon)):
            raise MaskError(
                f"{where} has a polygon that is not x1, y1, x2, y2, ... with three corners or "
                "more; correct it or leave it out"
            )
        if max(map(abs, polygon)) > OUTSIDE * max(height, width):
            raise MaskError(f"{where} has a polygon far outside the image; draw it anew")
    return segmentation


def is_number(value: Any) -> bool:
    """True for a finite number that is no bool."""
    return type(value) in (int, float) and abs(value) <= sys.float_info.max
