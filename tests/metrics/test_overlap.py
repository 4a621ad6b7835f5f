import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refmask.errors import InputError
from refmask.metrics import (
    best_iou,
    intersection_and_union,
    iou,
    mean_iou,
    overall_iou,
    paired_bootstrap,
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


def test_a_result_has_no_gain_over_itself():
    counts = (np.arange(1, 11), np.full(10, 12))
    gain = paired_bootstrap(counts, counts, np.arange(10))
    assert (gain.gain, gain.low, gain.high) == (0.0, 0.0, 0.0)


def test_a_clear_gain_excludes_zero_and_is_reproducible():
    rng = np.random.default_rng(1)
    ones = np.ones(400)
    better, worse = rng.random(400) < 0.8, rng.random(400) < 0.5
    gain = paired_bootstrap((better, ones), (worse, ones), np.arange(400), seed=3)
    assert gain.gain == pytest.approx(better.mean() - worse.mean())
    assert 0 < gain.low < gain.gain < gain.high
    assert gain == paired_bootstrap((better, ones), (worse, ones), np.arange(400), seed=3)


def test_pictures_are_resampled_whole():
    """Repeating every query within its picture adds no evidence, so the interval stays."""
    rng = np.random.default_rng(2)
    first, second = rng.random(50), rng.random(50)
    ones, pictures = np.ones(50), np.arange(50)
    once = paired_bootstrap((first, ones), (second, ones), pictures)
    thrice = paired_bootstrap(
        (np.tile(first, 3), np.ones(150)), (np.tile(second, 3), np.ones(150)), np.tile(pictures, 3)
    )
    assert thrice.low == pytest.approx(once.low)
    assert thrice.high == pytest.approx(once.high)


def test_the_interval_matches_the_normal_approximation():
    rng = np.random.default_rng(4)
    first, second = rng.normal(1.0, 1.0, 2000), rng.normal(0.5, 1.0, 2000)
    ones = np.ones(2000)
    gain = paired_bootstrap((first, ones), (second, ones), np.arange(2000), resamples=4000)
    half = 1.96 * (first - second).std() / np.sqrt(2000)
    assert gain.high - gain.low == pytest.approx(2 * half, rel=0.08)


@pytest.mark.parametrize("groups", [np.arange(2), np.zeros((3, 1))])
def test_uneven_lengths_are_refused(groups):
    with pytest.raises(InputError, match="one length"):
        paired_bootstrap(([1, 2, 3], [1, 2, 3]), ([1, 2, 3], [1, 2, 3]), groups)


def test_no_queries_are_refused():
    with pytest.raises(InputError, match="Q > 0"):
        paired_bootstrap(([], []), ([], []), [])
