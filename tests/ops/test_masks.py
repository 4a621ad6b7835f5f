import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import arrays

from refmask.ops.masks import areas_of, distinct, iou_with, pairwise_iou, shared_pixels, suppress


def _slow_iou(one, other):
    union = (one | other).sum()
    return (one & other).sum() / union if union else 0.0


def test_iou_is_that_of_counting_pixels():
    masks = np.random.default_rng(0).random((6, 7, 9)) < 0.4
    masks[5] = False
    expected = [[_slow_iou(one, other) for other in masks] for one in masks]
    np.testing.assert_allclose(pairwise_iou(masks), expected, atol=1e-6)


def test_weights_stand_for_repeated_places():
    rows = np.array([[True, True, False], [False, True, True]])
    weights = np.array([1.0, 3.0, 2.0])
    repeated = np.repeat(rows, weights.astype(int), axis=1)
    np.testing.assert_allclose(pairwise_iou(rows, weights), pairwise_iou(repeated), atol=1e-6)


def test_no_masks_have_no_overlaps():
    assert pairwise_iou(np.zeros((0, 3, 3), np.bool_)).shape == (0, 0)


def test_suppression_keeps_the_better_of_two_alike():
    iou = np.array([[1.0, 0.9, 0.1], [0.9, 1.0, 0.2], [0.1, 0.2, 1.0]])
    assert suppress(iou, np.array([0.5, 0.7, 0.6]), 0.8).tolist() == [1, 2]


@pytest.mark.parametrize(("threshold", "kept"), [(0.8, [0, 1]), (0.79, [0])])
def test_suppression_drops_only_above_the_threshold(threshold, kept):
    iou = np.array([[1.0, 0.8], [0.8, 1.0]])
    assert suppress(iou, np.array([1.0, 1.0]), threshold).tolist() == kept


def test_a_dropped_mask_drops_no_other():
    iou = np.array([[1.0, 0.9, 0.0], [0.9, 1.0, 0.9], [0.0, 0.9, 1.0]])
    assert suppress(iou, np.array([3.0, 2.0, 1.0]), 0.8).tolist() == [0, 2]


def test_areas_and_iou_with_one_of_them():
    masks = np.random.default_rng(3).random((6, 9, 11)) < 0.3
    masks[0] = False
    masks[0, 2:5, 3:8] = True
    areas = areas_of(masks)
    assert areas.tolist() == masks.sum(axis=(1, 2)).tolist()
    expected = pairwise_iou(masks)
    for index in range(6):
        assert np.allclose(iou_with(masks, areas, index), expected[index])


def test_no_masks_have_no_areas():
    assert areas_of(np.zeros((0, 3, 3), np.bool_)).shape == (0,)


@given(arrays(np.bool_, (3, 6, 7)), arrays(np.bool_, (6, 7)))
def test_pixels_are_shared_wherever_the_other_mask_lies(masks, other):
    assert shared_pixels(masks, other).tolist() == (masks & other).sum(axis=(1, 2)).tolist()


def test_empty_masks_and_repetitions_are_left_out():
    masks = np.zeros((5, 3, 3), np.bool_)
    masks[1, 0] = masks[2, :, 0] = masks[3, 0] = masks[4] = True
    assert distinct(masks).tolist() == [False, True, True, False, True]
    assert distinct(masks[:0]).tolist() == []
