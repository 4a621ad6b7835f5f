import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refmask.metrics import (
    best_iou,
    intersection_and_union,
    iou,
    mean_iou,
    overall_iou,
)

queries = st.lists(
    st.tuples(st.integers(0, 50), st.integers(0, 50)).map(lambda pair: (min(pair), max(pair))),
    min_size=1,
    max_size=20,
)


def test_intersection_and_union_count_pixels():
    prediction = np.array([[True, True], [False, False]])
    target = np.array([[True, False], [True, False]])
    both, either = intersection_and_union(prediction[None], target[None])
    assert both.tolist() == [1.0]
    assert either.tolist() == [3.0]


def test_overall_iou_weighs_by_size_and_mean_iou_does_not():
    intersections, unions = [1, 0], [1, 9]
    assert overall_iou(intersections, unions) == pytest.approx(0.1)
    assert mean_iou(intersections, unions) == pytest.approx(0.5)


def test_the_upper_bound_is_the_best_proposals():
    targets = np.array([[[1, 1, 0, 0]], [[0, 0, 0, 1]]], np.bool_)
    proposals = np.array([[[1, 0, 0, 0]], [[1, 1, 1, 0]], [[1, 0, 0, 0]]], np.bool_)
    assert best_iou(proposals, targets).tolist() == [pytest.approx(2 / 3), 0.0]
    assert best_iou(proposals[:0], targets).tolist() == [0.0, 0.0]
    assert best_iou(proposals, targets[:0]).tolist() == []


def test_an_empty_union_counts_as_zero():
    assert iou([0, 2], [0, 2]).tolist() == [0.0, 1.0]
    assert overall_iou([0], [0]) == 0.0
    assert mean_iou([], []) == 0.0


@given(queries)
def test_metrics_stay_between_zero_and_one(pairs):
    intersections, unions = zip(*pairs, strict=True)
    assert 0.0 <= overall_iou(intersections, unions) <= 1.0
    assert 0.0 <= mean_iou(intersections, unions) <= 1.0


@given(queries, st.integers(0, 20))
def test_overall_iou_of_shards_adds_up(pairs, cut):
    intersections, unions = (np.array(column) for column in zip(*pairs, strict=True))
    merged = overall_iou(
        [intersections[:cut].sum(), intersections[cut:].sum()],
        [unions[:cut].sum(), unions[cut:].sum()],
    )
    assert merged == pytest.approx(overall_iou(intersections, unions))
