"""Masks as COCO run-length encodings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import numpy as np
from pycocotools import mask as coco

from refmask.errors import MaskError
from refmask.types import Bools


class Rle(TypedDict):
    """COCO's compressed run-length encoding: ``size`` (height, width) and ``counts``."""

    size: list[int]
    counts: str


def encode(mask: Bools) -> Rle:
    """Encode a bool (H, W) mask."""
    made = coco.encode(np.asfortranarray(mask, np.uint8))
    return {"size": [int(side) for side in made["size"]], "counts": made["counts"].decode("ascii")}


def decode(rle: Mapping[str, Any], name: str = "the mask") -> Bools:
    """The bool (H, W) mask of an encoding, compressed (a string) or not (a list of runs).

    Args:
        rle: ``size`` (height, width) and ``counts``, from anywhere.
        name: what to call it in an error.

    Raises:
        MaskError: when the runs do not add up to the size.
    """
    height, width = rle["size"]
    counts = rle["counts"]
    runs = _runs(counts) if isinstance(counts, str) else counts
    if (
        not isinstance(runs, list)
        or not all(isinstance(run, int) and run >= 0 for run in runs)
        or sum(runs) != height * width
    ):
        raise MaskError(f"{name} has damaged runs: they do not add up to {width}x{height} pixels")
    inside = np.arange(len(runs)) % 2 == 1
    return np.repeat(inside, runs).reshape(width, height).T


def from_polygons(polygons: Sequence[Sequence[float]], height: int, width: int) -> Bools:
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


def _runs(counts: str) -> list[int]:
    """The runs of COCO's compressed string: 5 bits a character, differences from the third on.

    Decoded here because pycocotools trusts the string: when its runs fall short, the rest of the
    mask is whatever the memory held before.
    """
    runs: list[int] = []
    value = shift = 0
    for character in counts.encode("ascii", "replace"):
        code = character - 48
        value |= (code & 0x1F) << shift
        shift += 5
        if code & 0x20:
            continue
        if code & 0x10:
            value -= 1 << shift
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
        value = shift = 0
    return runs
