"""Masks as polygons, redrawn by the COCO tools."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter, label

from refmask.ops import rle
from refmask.ops.polygons import joined, polygons
from refmask.ops.segmentations import decode_segmentation


def redrawn(found, shape):
    return rle.from_polygons([polygon.ravel().tolist() for polygon in found], *shape)


def iou(one, other):
    return (one & other).sum() / max(1, (one | other).sum())


def edge_corners(mask):
    """All corners of pixels where inside and outside meet, x and y."""
    padded = np.pad(mask, 1).astype(int)
    around = padded[1:, 1:] + padded[1:, :-1] + padded[:-1, 1:] + padded[:-1, :-1]
    return np.argwhere((around > 0) & (around < 4))[:, ::-1]


def distances(points, found):
    """How far each point is from the nearest edge of any polygon."""
    best = np.full(len(points), np.inf)
    for polygon in found:
        for start, end in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
            along = end - start
            share = (points - start) @ along / max(1, along @ along)
            foot = start + share.clip(0, 1)[:, None] * along
            best = np.minimum(best, np.hypot(*(points - foot).T))
    return best


def blob(seed, height, width, smooth):
    """A random mask: specks, holes, islands in holes, parts that touch at corners."""
    noise = np.random.default_rng(seed).normal(size=(height, width))
    return gaussian_filter(noise, smooth) > 0.02


blobs = st.builds(
    blob, st.integers(0, 999), st.integers(1, 40), st.integers(1, 40), st.floats(0, 4)
)


@given(blobs)
@settings(max_examples=150, deadline=None)
def test_nothing_is_further_than_a_pixel_and_the_redrawn_mask_is_nearly_the_same(mask):
    found = polygons(mask)
    assert iou(redrawn(found, mask.shape), mask) >= (0.93 if mask.any() else 0)
    corners = edge_corners(mask)
    if mask.any():
        assert distances(corners, found).max() <= 1 + 1e-9
    for polygon in found:
        assert polygon.dtype == np.int64
        assert len(polygon) >= 3
        assert (polygon >= 0).all()
        assert (polygon <= mask.shape[::-1]).all()


@given(blobs)
@settings(max_examples=100, deadline=None)
def test_without_tolerance_every_pixel_comes_back(mask):
    found = polygons(mask, 0)
    assert np.array_equal(redrawn(found, mask.shape), mask)
    if found:
        assert np.array_equal(redrawn([joined(found)], mask.shape), mask)


def test_corners_of_a_rectangle_and_of_the_whole_image():
    mask = np.zeros((20, 30), np.bool_)
    mask[5:15, 10:30] = True
    (found,) = polygons(mask)
    assert {tuple(corner) for corner in found} == {(10, 5), (30, 5), (30, 15), (10, 15)}
    (found,) = polygons(np.ones((20, 30), np.bool_))
    assert {tuple(corner) for corner in found} == {(0, 0), (30, 0), (30, 20), (0, 20)}


def test_an_empty_mask_has_none():
    assert polygons(np.zeros((5, 7), np.bool_)) == []


@pytest.mark.parametrize("thin", ["pixel", "row", "column", "diagonal"])
def test_thin_masks_stay(thin):
    mask = {
        "pixel": np.pad(np.ones((1, 1), np.bool_), 3),
        "row": np.pad(np.ones((1, 20), np.bool_), 3),
        "column": np.pad(np.ones((20, 1), np.bool_), 3),
        "diagonal": np.eye(20, dtype=np.bool_),
    }[thin]
    (found,) = polygons(mask)  # what touches at corners is one part
    assert np.array_equal(redrawn([found], mask.shape), mask)


def test_a_round_mask_needs_few_corners():
    ys, xs = np.mgrid[:200, :200]
    disk = np.hypot(ys - 100, xs - 90) < 70
    (found,), (exact,) = polygons(disk), polygons(disk, 0)
    assert len(found) < 40 < len(exact)
    assert iou(redrawn([found], disk.shape), disk) > 0.97


def test_holes_are_cut_out_and_islands_in_them_are_parts():
    mask = np.ones((60, 60), np.bool_)
    mask[10:20, 10:20] = mask[30:50, 30:50] = False
    mask[36:44, 36:44] = True
    found = polygons(mask)
    assert len(found) == 2
    assert np.array_equal(
        redrawn(found[:1], mask.shape), mask & ~np.pad(mask[36:44, 36:44], ((36, 16),) * 2)
    )
    assert np.array_equal(redrawn(found, mask.shape), mask)


def test_the_largest_part_comes_first_and_parts_are_joined_by_cuts():
    mask = np.zeros((40, 40), np.bool_)
    mask[2:5, 2:5] = mask[10:30, 10:30] = mask[35:39, 1:4] = True
    found = polygons(mask)
    areas = [redrawn([polygon], mask.shape).sum() for polygon in found]
    assert areas == [400, 12, 9]
    assert np.array_equal(redrawn([joined(found)], mask.shape), mask)


def test_holes_stay_through_a_file_of_polygons():
    rng = np.random.default_rng(0)
    for _ in range(40):
        height, width = rng.integers(20, 60, 2)
        ys, xs = np.mgrid[:height, :width]
        mask = np.hypot(ys - height / 2, xs - width / 2) < min(height, width) / 2.2
        for _ in range(3):
            y, x, radius = rng.integers(0, height), rng.integers(0, width), 6 * rng.random()
            mask &= ~(np.hypot(ys - y, (xs - x) * rng.choice([1, 0.3, 3])) < radius)
        told = [part.ravel().tolist() for part in polygons(mask)]
        drawn = decode_segmentation(told, "the mask", int(height), int(width))
        background, count = label(np.pad(~mask, 1, constant_values=True))
        for number in range(2, count + 1):
            hole = background[1:-1, 1:-1] == number
            assert not drawn[hole].all()
