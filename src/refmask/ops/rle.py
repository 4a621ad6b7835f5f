"""Masks as COCO run-length encodings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import numpy as np
from pycocotools import mask as coco

from refmask.errors import MaskError
from refmask.limits import check
from refmask.types import BoolArray

#: That the longest run, or difference of runs, takes in COCO's compressed string.
CHARACTERS = 7


class Rle(TypedDict):
    """COCO's compressed run-length encoding: ``size`` (height, width) and ``counts``."""

    size: list[int]
    counts: str


def encode(mask: BoolArray) -> Rle:
    """Encode a bool (H, W) mask."""
    made = coco.encode(np.asfortranarray(mask, np.uint8))
    return {"size": [int(side) for side in made["size"]], "counts": made["counts"].decode("ascii")}


def decode(rle: Mapping[str, Any], name: str = "the mask") -> BoolArray:
    """The bool (H, W) mask of an encoding, compressed (a string) or not (a list of runs).

    Args:
        rle: ``size`` (height, width) and ``counts``, from anywhere.
        name: what to call it in an error.

    Raises:
        MaskError: when the runs do not add up to the size, or it is too large.
    """
    height, width = _sides(rle.get("size"), name)
    counts = rle.get("counts")
    if isinstance(counts, str):
        # A run of no pixels can follow every other, and takes one character.
        runs = _runs(counts) if len(counts) <= CHARACTERS * (2 * height * width + 2) else None
    else:
        runs = counts
    if (
        not isinstance(runs, list)
        or not all(type(run) is int and run >= 0 for run in runs)
        or sum(runs) != height * width
    ):
        raise MaskError(
            f"{name} has damaged runs: they do not add up to {width}x{height} pixels; encode the "
            "mask again"
        )
    inside = np.arange(len(runs)) % 2 == 1
    return np.repeat(inside, runs).reshape(width, height).T


def _sides(size: Any, name: str) -> tuple[int, int]:
    """Height and width, when they are some and no mask of them is too large."""
    fits = isinstance(size, list | tuple) and len(size) == 2
    if not fits or not all(type(side) is int and side >= 0 for side in size):
        raise MaskError(
            f"{name} has the size {str(size)[:60]}, not a height and a width in pixels; correct it"
        )
    height, width = size
    check("pixels", height * width, name, MaskError)
    return height, width


def from_polygons(polygons: Sequence[Sequence[float]], height: int, width: int) -> BoolArray:
    """The union of polygons as bool (H, W), filled as the COCO tools fill them.

    Args:
        polygons: each x1, y1, x2, y2, ... with at least three corners, in pixels.
        height: H.
        width: W.
    """
    if not polygons:
        return np.zeros((height, width), np.bool_)
    drawn = coco.merge(coco.frPyObjects(list(map(list, polygons)), height, width))
    return decode({"size": [height, width], "counts": drawn["counts"].decode("ascii")})


def _runs(counts: str) -> list[int] | None:
    """The runs of COCO's compressed string: 5 bits a character, differences from the third on.

    Decoded here because pycocotools trusts the string: when its runs fall short, the rest of the
    mask is whatever the memory held before. None for a number that no run can have.
    """
    runs: list[int] = []
    value = shift = 0
    for character in counts.encode("ascii", "replace"):
        code = character - 48
        value |= (code & 0x1F) << shift
        shift += 5
        if code & 0x20:
            if shift >= 5 * CHARACTERS:
                return None
            continue
        if code & 0x10:
            value -= 1 << shift
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
        value = shift = 0
    return runs
