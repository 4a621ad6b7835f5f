"""COCO segmentations; what is refused is tested with the readers that refuse it."""

from __future__ import annotations

from array import array

import numpy as np

from refmask.ops.segmentations import decode_apart, decode_segmentation, without_slivers

SQUARES = [[1, 1, 5, 1, 5, 5, 1, 5], [3, 3, 7, 3, 7, 7, 3, 7]]
RUNS = {"size": [8, 9], "counts": [10, 4, 58]}


def squares():
    masks = np.zeros((2, 8, 9), np.bool_)
    masks[0, 1:5, 1:5] = masks[1, 3:7, 3:7] = True
    return masks


def test_polygons_are_joined_or_taken_apart():
    first, second = squares()
    np.testing.assert_array_equal(decode_segmentation(SQUARES, "x", 8, 9), first | second)
    np.testing.assert_array_equal(decode_apart(SQUARES, "x", 8, 9), first ^ second)


def test_three_layers_are_outside_too():
    assert not decode_apart([SQUARES[0]] * 3, "x", 8, 9).any()


def test_runs_are_one_part():
    np.testing.assert_array_equal(
        decode_apart(RUNS, "x", 8, 9), decode_segmentation(RUNS, "x", 8, 9)
    )
    assert decode_segmentation(RUNS, "x", 8, 9)[2:6, 1].all()


def test_packed_polygons_are_polygons():
    packed = [array("d", polygon) for polygon in SQUARES]
    np.testing.assert_array_equal(
        decode_segmentation(packed, "x", 8, 9), decode_segmentation(SQUARES, "x", 8, 9)
    )


def test_slivers_are_left_out():
    assert without_slivers([SQUARES[0], [1, 1, 2, 2], [], array("d", [1, 2])]) == SQUARES[:1]
    assert without_slivers(RUNS) is RUNS
    assert without_slivers([3]) == [3]
