"""Masks as COCO run-length encodings."""

from __future__ import annotations

import warnings
from typing import TypedDict

import numpy as np
from pycocotools import mask as coco

from refmask.types import Bools


class Rle(TypedDict):
    """COCO's compressed run-length encoding: ``size`` (height, width) and ``counts``."""

    size: list[int]
    counts: str


def encode(mask: Bools) -> Rle:
    """Encode a bool (H, W) mask."""
    made = coco.encode(np.asfortranarray(mask, np.uint8))
    return {"size": [int(side) for side in made["size"]], "counts": made["counts"].decode("ascii")}


def decode(rle: Rle) -> Bools:
    """The bool (H, W) mask of an encoding."""
    with warnings.catch_warnings():
        # pycocotools hands numpy an array type older than numpy 2's copy keyword.
        warnings.simplefilter("ignore", DeprecationWarning)
        return np.asarray(coco.decode(rle), np.bool_)
