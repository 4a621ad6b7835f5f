"""Masks as polygons along the edges of their pixels.

Coordinates are pixels from the image's upper left corner, as in COCO: the first pixel extends from
0 to 1, so that x lies in [0, W] and y in [0, H].
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from refmask.ops import rle
from refmask.types import BoolArray, IntArray

#: Least IoU of a simplified part with its pixels; thin parts are simplified less.
FAITHFUL = 0.95
#: Shares of the tolerance, tried in this order.
STEPS = (1, 0.75, 0.5)

#: Pixels that touch at a corner are connected.
TOUCHING = np.ones((3, 3), np.bool_)


def polygons(mask: BoolArray, tolerance: float = 1.0) -> list[IntArray]:
    """The outlines of a mask, one polygon for each of its connected parts, largest first.

    A part with holes is one polygon, too: a cut leads from its outline to each hole and back, so
    that filling by the even-odd or the winding rule leaves the holes empty.

    Args:
        mask: bool (H, W).
        tolerance: largest distance in pixels of the outline's corners from the polygon. Simplified
            parts have an IoU of at least ``FAITHFUL`` with their pixels, or follow them exactly;
            with 0 all do.

    Returns:
        int64 (K, 2) each, x and y of at least three corners; the last joins the first. Empty for an
        empty mask.
    """
    from scipy.ndimage import find_objects, label

    labels, count = label(mask, structure=TOUCHING)
    parts = [
        (labels[window] == number, np.array([window[1].start, window[0].start], np.int64))
        for number, window in enumerate(find_objects(labels, count), 1)
    ]
    parts.sort(key=lambda part: -np.count_nonzero(part[0]))
    return [_outline(part, tolerance) + corner for part, corner in parts]


def joined(parts: Sequence[IntArray]) -> IntArray:
    """Several polygons as one, connected by cuts that lead there and back.

    Args:
        parts: int64 (K, 2) each, at least one.
    """
    return _joined(sorted(parts, key=lambda part: int(part[:, 0].min())))


def _joined(rings: Sequence[IntArray]) -> IntArray:
    """Joins halves recursively, which is fast for thousands of holes, too."""
    if len(rings) == 1:
        return rings[0]
    half = len(rings) // 2
    left, right = _joined(rings[:half]), _joined(rings[half:])
    leave = _nearest(left, right[0])
    around = np.roll(right, -_nearest(right, left[leave]), axis=0)
    return np.concatenate([left[: leave + 1], around, around[:1], left[leave:]])


def _nearest(ring: IntArray, point: IntArray) -> int:
    return int(((ring - point) ** 2).sum(axis=1).argmin())


def _outline(part: BoolArray, tolerance: float) -> IntArray:
    """One polygon around a connected part, its holes cut out, in the part's window."""
    rings = _rings(part)
    for share in STEPS:
        outline = joined([_simplified(ring, share * tolerance) for ring in rings])
        drawn = rle.from_polygons([outline.ravel().tolist()], *part.shape)
        if np.count_nonzero(drawn & part) >= FAITHFUL * np.count_nonzero(drawn | part):
            return outline
    return joined(rings)


def _rings(part: BoolArray) -> list[IntArray]:
    """The corners of a connected part's pixel edges, ring by ring, its outline first."""
    from skimage.measure import find_contours

    padded = np.pad(part, 1).astype(np.float64)
    rings = []
    contours = find_contours(padded, 0.5, fully_connected="high")  # type: ignore[no-untyped-call]
    for contour in contours:
        # The contour runs through the middles of pixel edges; between two lies a pixel's corner.
        middles = contour[:, ::-1] - 0.5
        corners = np.rint((middles[:-1] + middles[1:]) / 2).astype(np.int64)
        turns = (np.roll(corners, 1, axis=0) + np.roll(corners, -1, axis=0) != 2 * corners).any(1)
        ring = corners[turns]
        # Simplification keeps the first corner, so it should be an extreme one.
        rings.append(np.roll(ring, -int(ring.sum(axis=1).argmax()), axis=0))
    return sorted(rings, key=lambda ring: -np.ptp(ring, axis=0).prod())


def _simplified(ring: IntArray, tolerance: float) -> IntArray:
    """Fewer corners, each dropped one within ``tolerance``; the ring itself if none are left."""
    from skimage.measure import approximate_polygon

    closed = np.concatenate([ring, ring[:1]])
    simple: IntArray = approximate_polygon(closed, tolerance)[:-1]  # type: ignore[no-untyped-call]
    return simple if len(simple) > 2 else ring
