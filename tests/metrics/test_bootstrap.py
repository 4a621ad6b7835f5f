import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from refmask.errors import ConfigurationError, InputError
from refmask.metrics import QueryResults, compare, compute_metrics, intervals, paired_bootstrap


def without_repeats(results):
    """One query per image, so that scipy's plain bootstrap is the same thing."""
    _, first = np.unique(results.image, return_index=True)
    return results[first]


def test_a_result_has_no_gain_over_itself():
    counts = (np.arange(1, 11), np.full(10, 12))
    gain = paired_bootstrap(counts, counts, np.arange(10))
    assert (gain.gain, gain.low, gain.high, gain.p) == (0.0, 0.0, 0.0, 1.0)


def test_a_clear_gain_excludes_zero_and_is_reproducible():
    rng = np.random.default_rng(1)
    ones = np.ones(400)
    better, worse = rng.random(400) < 0.8, rng.random(400) < 0.5
    gain = paired_bootstrap((better, ones), (worse, ones), np.arange(400), seed=3)
    assert gain.gain == pytest.approx(better.mean() - worse.mean())
    assert 0 < gain.low < gain.gain < gain.high
    assert gain == paired_bootstrap((better, ones), (worse, ones), np.arange(400), seed=3)


def test_images_are_resampled_whole():
    """Repeating every query within its image adds no evidence, so the interval stays."""
    rng = np.random.default_rng(2)
    first, second = rng.random(50), rng.random(50)
    ones, images = np.ones(50), np.arange(50)
    once = paired_bootstrap((first, ones), (second, ones), images)
    thrice = paired_bootstrap(
        (np.tile(first, 3), np.ones(150)), (np.tile(second, 3), np.ones(150)), np.tile(images, 3)
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


def test_results_without_denominators_are_refused():
    with pytest.raises(InputError, match="sum to 0"):
        paired_bootstrap(([0], [0]), ([1], [1]), [0])


@pytest.mark.parametrize("wrong", [{"resamples": 0}, {"level": 1.0}, {"level": 0.0}])
def test_draws_that_cannot_be_are_refused(make_results, wrong):
    results = make_results(0)
    with pytest.raises(ConfigurationError, match="resamples of at least 1"):
        intervals(results, **wrong)
    with pytest.raises(ConfigurationError, match="resamples of at least 1"):
        compare(results, results, **wrong)


def test_intervals_agree_with_scipys_bootstrap(make_results):
    results = without_repeats(make_results(0, queries=400, images=150))
    found = intervals(results, resamples=8000)["oIoU"]

    def overall(inter, union, axis=-1):
        return inter.sum(axis=axis) / union.sum(axis=axis)

    other = stats.bootstrap(
        (results.intersection, results.union),
        overall,
        paired=True,
        n_resamples=8000,
        method="percentile",
        rng=np.random.default_rng(5),
    ).confidence_interval
    width = other.high - other.low
    assert found.low == pytest.approx(other.low, abs=0.06 * width)
    assert found.high == pytest.approx(other.high, abs=0.06 * width)


def test_the_randomisation_test_agrees_with_scipys(make_results):
    first = without_repeats(make_results(0, queries=400, images=120, skill=0.55))
    second = without_repeats(make_results(1, queries=400, images=120, skill=0.45))
    found = compare(first, second, resamples=5000)["mIoU"]
    one, other = (o.intersection / o.union for o in (first, second))
    expected = stats.permutation_test(
        (one, other),
        lambda a, b, axis: (a - b).mean(axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=5000,
        rng=np.random.default_rng(6),
    ).pvalue
    assert 0.01 < expected < 0.9
    assert found.p == pytest.approx(expected, abs=0.03)


def test_no_difference_is_seldom_called_one(make_results):
    """Of results that differ by chance alone, about one in twenty has p below 0.05."""
    chances = [
        compare(make_results(seed), make_results(seed + 1000), resamples=200)["mIoU"].p
        for seed in range(100)
    ]
    assert np.mean(np.array(chances) < 0.05) < 0.13
    assert 0.35 < np.mean(chances) < 0.65


@given(st.integers(0, 10_000), st.integers(1, 60), st.integers(1, 12))
@settings(max_examples=25)
def test_intervals_contain_their_figures(make_results, seed, queries, images):
    results = make_results(seed, queries=queries, images=images)
    found = intervals(results, resamples=500)
    assert {name: each.value for name, each in found.items()} == pytest.approx(
        compute_metrics(results)
    )
    for each in found.values():
        assert each.low - 1e-9 <= each.value <= each.high + 1e-9


def test_wider_levels_enclose_narrower_ones(make_results):
    narrow, wide = (intervals(make_results(0), level=level) for level in (0.5, 0.99))
    for name in narrow:
        assert wide[name].low < narrow[name].low < narrow[name].high < wide[name].high


def test_the_draws_of_a_figure_scatter_around_it(make_results):
    results = make_results(0, queries=2000, images=400)
    middle = intervals(results, level=1e-6)
    for name, value in compute_metrics(results).items():
        assert middle[name].low == pytest.approx(value, abs=0.005)


def test_the_order_of_queries_does_not_move_an_interval(make_results):
    results = make_results(0)
    shuffled = results[np.random.default_rng(1).permutation(len(results))]
    for name, each in intervals(results).items():
        assert vars(intervals(shuffled)[name]) == pytest.approx(vars(each))


def test_one_image_tells_nothing_of_the_scatter(make_results):
    each = intervals(make_results(0, queries=5, images=1))["oIoU"]
    assert each.low == each.value == each.high


def test_a_figure_known_in_one_image_only_ignores_draws_without_it(make_results):
    results = make_results(0, queries=30, images=30)
    right = np.full(len(results), np.nan)
    right[3] = 1
    lone = QueryResults(**{**vars(results), "right_class": right, "right_instance": right})
    found = intervals(lone)
    assert vars(found["MC-ACC"]) == {"value": 1.0, "low": 1.0, "high": 1.0}
    assert found["CC-oIoU"].low == pytest.approx(found["CC-oIoU"].value)


def test_comparing_is_the_paired_bootstrap_of_every_figure(make_results):
    first, second = make_results(0, skill=0.8), make_results(1, skill=0.3)
    gains = compare(first, second, seed=3)
    alone = paired_bootstrap(
        (first.intersection, first.union),
        (second.intersection, second.union),
        first.image,
        seed=3,
    )
    assert vars(gains["oIoU"]) == pytest.approx(vars(alone))
    for name, gain in gains.items():
        assert gain.gain == pytest.approx(
            compute_metrics(first)[name] - compute_metrics(second)[name]
        )
    assert gains["choice"].low > 0
    assert gains["choice"].p < 0.01
    assert gains["upper mIoU"].p > 0.05


def test_exchanging_the_results_turns_the_gains_around(make_results):
    first, second = make_results(0), make_results(1)
    there, back = compare(first, second), compare(second, first)
    for name, gain in there.items():
        other = back[name]
        turned = {"gain": -other.gain, "low": -other.high, "high": -other.low, "p": other.p}
        assert vars(gain) == pytest.approx(turned)


def test_a_figure_that_one_result_lacks_is_not_compared(make_results):
    first = make_results(0)
    blind = QueryResults(**{**vars(first), "right_class": np.full(len(first), np.nan)})
    assert set(compute_metrics(first)) - set(compare(first, blind)) == {"MC-ACC", "CC-oIoU"}
    assert compare(first[:0], first[:0]) == intervals(first[:0]) == {}


def test_results_on_other_queries_are_refused(make_results):
    results = make_results(0)
    with pytest.raises(InputError, match="have 200 and 199 queries"):
        compare(results, results[1:])
    with pytest.raises(InputError, match="query 0 has image"):
        compare(results, results[::-1])
