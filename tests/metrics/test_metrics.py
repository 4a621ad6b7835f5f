import json
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refmask.errors import InputError
from refmask.metrics import METRICS, QueryResults, Tally, compute_metrics, mean_iou, overall_iou


@st.composite
def rows(draw):
    union, best_union = draw(st.integers(1, 50)), draw(st.integers(1, 50))
    right = draw(st.sampled_from([(None, None), (0, 0), (1, 0), (1, 1), (None, 1)]))
    targets, answers = draw(st.sampled_from([None, 0, 1, 2, 3])), draw(st.integers(0, 3))
    known = targets is not None
    return {
        "image": draw(st.sampled_from("abcdef")),
        "intersection": draw(st.integers(0, union)),
        "union": union,
        "best_intersection": draw(st.integers(0, best_union)),
        "best_union": best_union,
        "right_class": right[0],
        "right_instance": right[1],
        "chance": None if right[1] is None else draw(st.sampled_from([0.0, 0.25, 0.5, 1.0])),
        "words": 3,
        "proposals": draw(st.integers(0, 2)),
        "targets": targets,
        "answers": answers if known else None,
        "matched": draw(st.integers(0, min(targets, answers))) if known else None,
    }


def independently(rows) -> dict[str, Fraction]:
    """Every figure by its definition, in exact arithmetic."""
    found = {}

    def share(name, numerator, denominator):
        if denominator:
            found[name] = Fraction(numerator) / denominator

    each = [Fraction(row["intersection"], row["union"]) for row in rows]
    share("oIoU", sum(r["intersection"] for r in rows), sum(r["union"] for r in rows))
    share("mIoU", sum(each), len(rows))
    for tenths in range(5, 10):
        share(f"Pr@0.{tenths}", sum(10 * value >= tenths for value in each), len(rows))
    best = [Fraction(row["best_intersection"], row["best_union"]) for row in rows]
    above = sum(row["best_intersection"] for row in rows)
    share("upper oIoU", above, sum(row["best_union"] for row in rows))
    share("upper mIoU", sum(best), len(rows))
    classed = [row for row in rows if row["right_class"] is not None]
    right = [row for row in classed if row["right_class"]]
    share("MC-ACC", len(right), len(classed))
    share("CC-oIoU", sum(r["intersection"] for r in right), sum(r["union"] for r in right))
    named = [row["right_instance"] for row in rows if row["right_instance"] is not None]
    share("choice", sum(named), len(named))
    share("chance", sum(Fraction(row["chance"] or 0) for row in rows), len(named))
    known = [row for row in rows if row["targets"] is not None]
    nothing = [row for row in known if row["targets"] == 0]
    something = [row for row in known if row["targets"] > 0]
    several = [row for row in known if row["targets"] > 1]
    share("N-acc", sum(row["answers"] == 0 for row in nothing), len(nothing))
    share("T-acc", sum(row["answers"] > 0 for row in something), len(something))
    ious = [Fraction(row["intersection"], row["union"]) for row in known]
    absent = [row["targets"] == row["answers"] == 0 for row in known]
    share("gIoU", sum(1 if a else v for v, a in zip(ious, absent, strict=True)), len(known))
    share("cIoU", sum(r["intersection"] for r in known), sum(r["union"] for r in known))
    reached = [Fraction(row["intersection"], row["union"]) for row in something]
    for tenths in (7, 8, 9):
        share(f"target Pr@0.{tenths}", sum(10 * v >= tenths for v in reached), len(something))
    f1 = [Fraction(2 * r["matched"], r["targets"] + r["answers"]) for r in several]
    share("instance F1", sum(f1), len(several))
    return found


@given(st.lists(rows(), max_size=12))
def test_figures_are_what_their_definitions_say(rows):
    expected = {name: float(value) for name, value in independently(rows).items()}
    assert compute_metrics(QueryResults.of(rows)) == pytest.approx(expected)


@given(st.lists(rows(), min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_the_order_of_queries_changes_nothing(rows, random):
    other = random.sample(rows, len(rows))
    assert compute_metrics(QueryResults.of(other)) == pytest.approx(
        compute_metrics(QueryResults.of(rows))
    )


@given(st.lists(rows(), max_size=12), st.integers(1, 4))
def test_merged_shards_equal_one_run(rows, shards):
    results = QueryResults.of(rows)
    names = np.array([ord(name) % shards for name in results.image], int)
    parts = [Tally.of(results[names == shard]) for shard in range(shards)]
    merged, whole = sum(parts, Tally()), Tally.of(results)
    assert merged.metrics() == pytest.approx(compute_metrics(results))
    assert (merged.queries, merged.images) == (whole.queries, whole.images)
    assert (whole.queries, whole.images) == (len(rows), len({row["image"] for row in rows}))
    assert merged.without_proposals == sum(row["proposals"] == 0 for row in rows)


def plain_row(intersection: int, union: int) -> dict:
    return {
        "image": "a",
        "intersection": intersection,
        "union": union,
        "best_intersection": union,
        "best_union": union,
        "words": 1,
        "proposals": 1,
    }


def test_an_iou_equal_to_the_threshold_counts():
    row = plain_row(7, 10)
    found = compute_metrics(QueryResults.of([row]))
    assert [found[f"Pr@{x}"] for x in (0.5, 0.6, 0.7, 0.8, 0.9)] == [1, 1, 1, 0, 0]


def test_figures_without_data_are_left_out():
    found = compute_metrics(QueryResults.of([plain_row(1, 2)]))
    names = [*METRICS]
    assert [*found] == names[: names.index("MC-ACC")]
    wrong = compute_metrics(QueryResults.of([{**plain_row(1, 2), "right_class": 0}]))
    assert wrong["MC-ACC"] == 0.0
    assert "CC-oIoU" not in wrong
    assert compute_metrics(QueryResults.of([])) == Tally().metrics() == {}


def test_answers_of_one_mask_tell_no_instances():
    row = plain_row(1, 2) | {"targets": 2, "answers": 1, "matched": None}
    found = compute_metrics(QueryResults.of([row]))
    assert (found["T-acc"], found["gIoU"], found["cIoU"]) == (1, 0.5, 0.5)
    assert "instance F1" not in found
    assert "N-acc" not in found


def test_nothing_for_nothing_counts_in_the_mean_alone():
    nothing = plain_row(0, 0) | {"targets": 0, "answers": 0}
    wrong = plain_row(0, 30) | {"targets": 0, "answers": 1}
    half = plain_row(20, 40) | {"targets": 1, "answers": 1}
    found = compute_metrics(QueryResults.of([nothing, wrong, half]))
    assert found["N-acc"] == 0.5
    assert found["gIoU"] == pytest.approx(1.5 / 3)
    assert found["cIoU"] == pytest.approx(20 / 70)
    assert found["mIoU"] == pytest.approx(0.5 / 3)


def test_figures_agree_with_the_plain_functions(make_results):
    results = make_results(0)
    found = compute_metrics(results)
    assert found["oIoU"] == pytest.approx(overall_iou(results.intersection, results.union))
    assert found["mIoU"] == pytest.approx(mean_iou(results.intersection, results.union))
    known = np.isfinite(results.right_instance)
    assert found["choice"] == pytest.approx(results.right_instance[known].mean())


def test_a_tally_survives_json(make_results):
    tally = Tally.of(make_results(0))
    assert Tally.from_dict(json.loads(json.dumps(tally.to_dict()))) == tally


@pytest.mark.parametrize(
    "damage", [{"queries": None}, {"sums": {}}, {"sums": dict.fromkeys(METRICS, (1,))}, {"sums": 3}]
)
def test_a_damaged_tally_is_refused(damage):
    with pytest.raises(InputError, match="the tally is damaged"):
        Tally.from_dict({**Tally().to_dict(), **damage})
