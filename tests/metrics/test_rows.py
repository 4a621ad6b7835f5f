import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pycocotools import mask as coco

from refmask.errors import InputError, MaskError
from refmask.metrics import ImageOverlaps, QueryResults, compute_metrics
from refmask.types import MaskProposals


def strip(start: int, end: int) -> np.ndarray:
    """A mask of one row, filled from ``start`` to ``end``."""
    mask = np.zeros((1, 12), np.bool_)
    mask[0, start:end] = True
    return mask


def proposals(*spans: tuple[int, int]) -> MaskProposals:
    return MaskProposals(np.stack([strip(*span) for span in spans]))


def instances(*spans: tuple[int, int], classes=None) -> MaskProposals:
    details = {} if classes is None else {"category": np.array(classes)}
    return MaskProposals(proposals(*spans).masks, details=details)


@given(
    arrays(np.bool_, st.tuples(st.integers(1, 5), st.just(5), st.just(6))),
    arrays(np.bool_, (5, 6)),
    st.data(),
)
def test_a_row_agrees_with_pycocotools(masks, target, data):
    target[0, 0] = True  # pycocotools divides by nothing for two empty masks
    chosen = data.draw(st.integers(0, len(masks) - 1))
    row = ImageOverlaps(MaskProposals(masks)).row(target, chosen)
    runs = coco.encode(np.asfortranarray(masks.transpose(1, 2, 0), np.uint8))
    truth = coco.encode(np.asfortranarray(target, np.uint8))
    each = coco.iou(runs, [truth], [0])[:, 0]
    assert row["intersection"] == coco.area(coco.merge([runs[chosen], truth], intersect=True))
    assert row["union"] == coco.area(coco.merge([runs[chosen], truth]))
    assert row["intersection"] / row["union"] == pytest.approx(each[chosen])
    assert row["best_intersection"] / row["best_union"] == pytest.approx(each.max())


def test_the_best_proposal_does_not_depend_on_the_order_of_those_that_miss():
    row = ImageOverlaps(proposals((0, 6), (0, 2))).row(strip(8, 10), 0)
    assert (row["intersection"], row["union"]) == (0, 8)
    assert (row["best_intersection"], row["best_union"]) == (0, 4)


def test_nothing_chosen_counts_the_whole_target():
    nothing = ImageOverlaps(MaskProposals.empty(1, 12), instances((2, 5), classes=[7]))
    row = nothing.row(strip(2, 5), None, 0)
    assert (row["intersection"], row["union"]) == (0, 3)
    assert (row["best_intersection"], row["best_union"]) == (0, 3)
    assert (row["right_class"], row["right_instance"], row["proposals"]) == (0, 0, 0)


@pytest.mark.parametrize(
    ("chosen", "right_class", "right_instance"),
    [
        ((0, 2), 1, 1),  # the target itself
        ((4, 7), 1, 0),  # another of its class
        ((7, 9), 0, 0),  # one of another class
        ((0, 12), 1, 0),  # covers all: the largest fits best
        ((10, 12), 0, 0),  # overlaps none
    ],
)
def test_the_chosen_mask_takes_the_class_of_what_it_overlaps_most(
    chosen, right_class, right_instance
):
    truth = instances((0, 2), (2, 7), (7, 9), classes=[3, 3, 5])
    row = ImageOverlaps(proposals(chosen), truth).row(strip(0, 2), 0, 0)
    assert (row["right_class"], row["right_instance"]) == (right_class, right_instance)


def test_iou_not_pixels_decide_which_instance_was_chosen():
    truth = instances((0, 3), (3, 12), classes=[1, 2])
    row = ImageOverlaps(proposals((0, 7)), truth).row(strip(0, 3), 0, 0)
    # 3 of 7 pixels against 4 of 12
    assert (row["right_class"], row["right_instance"]) == (1, 1)


def test_what_the_data_do_not_tell_stays_unknown():
    some = proposals((0, 2))
    without = ImageOverlaps(some).row(strip(0, 2), 0)
    assert (without["right_class"], without["right_instance"]) == (None, None)
    unnamed = ImageOverlaps(some, instances((0, 2), classes=[1])).row(strip(0, 2), 0)
    assert (unnamed["right_class"], unnamed["right_instance"]) == (None, None)
    classless = ImageOverlaps(some, instances((0, 2))).row(strip(0, 2), 0, 0)
    assert (classless["right_class"], classless["right_instance"]) == (None, 1)


def test_an_empty_target_is_missed_by_everything():
    row = ImageOverlaps(proposals((0, 2), (0, 5))).row(strip(0, 0), 1)
    assert (row["intersection"], row["union"], row["best_union"]) == (0, 5, 2)


def test_rows_become_outcomes():
    overlaps = ImageOverlaps(proposals((0, 4), (6, 8)), instances((0, 4), (6, 9), classes=[1, 2]))
    rest = {"image": "a", "words": 2, "expression": "ignored"}
    rows = [
        {**overlaps.row(strip(0, 4), 0, 0), **rest},
        {**overlaps.row(strip(6, 9), 0, 1), **rest},
    ]
    found = compute_metrics(QueryResults.of(rows))
    assert found["oIoU"] == 4 / 11
    assert found["mIoU"] == 0.5
    assert found["upper oIoU"] == 6 / 7
    assert found["MC-ACC"] == found["choice"] == 0.5
    assert found["CC-oIoU"] == 1.0


def test_masks_of_another_size_and_unknown_indices_are_refused():
    overlaps = ImageOverlaps(proposals((0, 2)), instances((0, 2)))
    with pytest.raises(MaskError, match="1x12"):
        overlaps.row(np.ones((2, 12), np.bool_), 0)
    with pytest.raises(MaskError, match="instances"):
        ImageOverlaps(proposals((0, 2)), MaskProposals.empty(3, 3))
    with pytest.raises(InputError, match=r"chosen is .*; give an index below 1"):
        overlaps.row(strip(0, 2), -1)
    with pytest.raises(InputError, match=r"instance is .*; give an index below 1"):
        overlaps.row(strip(0, 2), 0, 1)


def test_of_several_right_instances_each_proposal_is_counted_against_the_one_it_fits_best():
    truth = instances((0, 4), (6, 10), (10, 12), classes=[1, 1, 2])
    overlaps = ImageOverlaps(proposals((6, 9), (0, 1), (10, 12)), truth)
    row = overlaps.row(strip(0, 4), 0, 0, (1,))
    assert (row["intersection"], row["union"]) == (3, 4)
    assert (row["best_intersection"], row["best_union"]) == (3, 4)
    assert (row["right_class"], row["right_instance"]) == (1, 1)
    alone = overlaps.row(strip(0, 4), 0, 0)
    assert (alone["intersection"], alone["union"], alone["right_instance"]) == (0, 7, 0)
    wrong = overlaps.row(strip(0, 4), 2, 0, (1,))
    assert (wrong["intersection"], wrong["right_instance"]) == (0, 0)
    nothing = overlaps.row(strip(0, 4), None, 0, (1,))
    assert (nothing["union"], nothing["right_instance"]) == (4, 0)
    with pytest.raises(InputError, match="below 3"):
        overlaps.row(strip(0, 4), 0, 0, (3,))


def test_chance_is_the_share_of_proposals_that_would_be_right():
    truth = instances((0, 4), (6, 10), classes=[1, 1])
    overlaps = ImageOverlaps(proposals((0, 3), (1, 4), (7, 10), (11, 12)), truth)
    assert overlaps.row(strip(0, 4), 3, 0)["chance"] == 0.5
    assert overlaps.row(strip(0, 4), 3, 0, (1,))["chance"] == 0.75
    assert overlaps.row(strip(0, 4), 3)["chance"] is None
    nothing = ImageOverlaps(MaskProposals.empty(1, 12), truth)
    assert nothing.row(strip(0, 4), None, 0)["chance"] == 0


def test_several_chosen_answer_together():
    overlaps = ImageOverlaps(proposals((0, 2), (2, 5), (8, 10)))
    row = overlaps.row(strip(0, 4), (0, 1))
    assert (row["intersection"], row["union"]) == (4, 5)
    assert overlaps.row(strip(0, 4), ()) == overlaps.row(strip(0, 4), None)


def test_answers_and_targets_are_matched_one_to_one():
    truth = instances((0, 4), (6, 9), (10, 12))
    overlaps = ImageOverlaps(proposals((0, 4), (0, 3), (6, 8), (9, 10)), truth)
    target = strip(0, 4) | strip(6, 9)
    row, ious = overlaps.row_of_set(target, (0, 1, 2), (0, 1))
    # The second drawing of the first thing has nothing left to match.
    assert (row["targets"], row["answers"], row["matched"]) == (2, 3, 2)
    assert ious == pytest.approx([1, 2 / 3])
    assert (row["intersection"], row["union"]) == (6, 7)
    assert (row["best_intersection"], row["best_union"]) == (6, 7)
    assert row["right_instance"] is None
    row, ious = overlaps.row_of_set(target, (3,), (0, 1))
    assert (row["matched"], ious) == (0, [0, 0])
    with pytest.raises(InputError, match="instance is 3"):
        overlaps.row_of_set(target, (0,), (0, 3))


def test_one_target_of_a_set_is_as_any_other():
    truth = instances((0, 4), (6, 9), classes=[1, 2])
    overlaps = ImageOverlaps(proposals((0, 4), (6, 8)), truth)
    row, ious = overlaps.row_of_set(strip(6, 9), (1,), (1,))
    assert {name: row[name] for name in overlaps.row(strip(6, 9), 1, 1)} == overlaps.row(
        strip(6, 9), 1, 1
    )
    assert (row["matched"], ious) == (1, pytest.approx([2 / 3]))


def test_nothing_to_find():
    overlaps = ImageOverlaps(proposals((0, 4)), instances((0, 4)))
    nothing = strip(0, 0)
    row, ious = overlaps.row_of_set(nothing, (), ())
    assert (row["targets"], row["answers"], row["matched"], ious) == (0, 0, 0, [])
    assert (row["intersection"], row["union"], row["best_union"]) == (0, 0, 0)
    row, _ = overlaps.row_of_set(nothing, (0,), ())
    assert (row["answers"], row["union"]) == (1, 4)
    without = ImageOverlaps(MaskProposals.empty(1, 12), instances((0, 4), (6, 9)))
    row, ious = without.row_of_set(strip(0, 4) | strip(6, 9), (), (0, 1))
    assert (row["union"], row["best_union"], row["matched"], ious) == (7, 7, 0, [0, 0])
