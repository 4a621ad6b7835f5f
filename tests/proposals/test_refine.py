"""What is done with proposals before they are used."""

import numpy as np
import pytest

from refmask.errors import ConfigurationError, MaskError
from refmask.ops.masks import pairwise_iou, suppress
from refmask.proposals import refine
from refmask.proposals.refine import Refined, Refinement
from refmask.types import MaskProposals, tight_boxes

#: An image of 4 x 10 pixels: a block of 6, and one pixel that touches nothing.
TWO_PARTS = ("##........", "##........", "##.....#..", "..........")
#: Pixels that touch only at their corners.
DIAGONAL = ("#.........", ".#........", "..#.......", "..........")
ALL = ("##########",) * 4
PIXEL = ("..........", "..........", ".......#..", "..........")


def drawn(*images, quality=None):
    masks = np.array([[[dot == "#" for dot in line] for line in lines] for lines in images])
    quality = np.linspace(1, 0.1, len(masks)) if quality is None else np.array(quality)
    return MaskProposals(masks, quality=quality, details={"number": np.arange(len(masks))})


def random_proposals(count=60, seed=0):
    """Rectangles that overlap much, in no order of quality, some of equal quality."""
    rng = np.random.default_rng(seed)
    masks = np.zeros((count, 30, 40), np.bool_)
    for mask in masks:
        y, x = rng.integers(0, 8, 2)
        mask[y : y + rng.integers(5, 20), x : x + rng.integers(5, 30)] = True
    return MaskProposals(masks, quality=rng.integers(0, 20, count) / 20)


def test_nothing_asked_for_changes_nothing():
    proposals = random_proposals()
    assert Refinement()(proposals) is proposals


def test_areas_are_shares_of_the_image_and_both_ends_count():
    proposals = drawn(ALL, TWO_PARTS, PIXEL)
    assert Refinement(min_area=7 / 40)(proposals).details["number"].tolist() == [0, 1]
    assert Refinement(max_area=7 / 40)(proposals).details["number"].tolist() == [1, 2]
    assert len(Refinement(min_area=0.5, max_area=0.9)(proposals)) == 0


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.7, 0.95, 1.0])
def test_duplicates_are_dropped_as_by_plain_suppression(threshold):
    proposals = random_proposals()
    kept = suppress(pairwise_iou(proposals.masks), proposals.quality, threshold)
    found = Refinement(duplicates=threshold)(proposals)
    np.testing.assert_array_equal(found.masks, proposals.masks[kept])
    np.testing.assert_array_equal(found.quality, proposals.quality[kept])


def test_the_limit_keeps_the_best_and_of_equals_the_first():
    proposals = drawn(PIXEL, ALL, TWO_PARTS, DIAGONAL, quality=[0.5, 0.5, 0.9, 0.1])
    assert Refinement(limit=3)(proposals).details["number"].tolist() == [2, 0, 1]


def test_the_largest_part_takes_the_place_of_its_mask():
    proposals = drawn(TWO_PARTS, DIAGONAL)
    found = Refinement(parts="largest")(proposals)
    np.testing.assert_array_equal(found.masks[0], proposals.masks[0] & (np.arange(10) < 2))
    np.testing.assert_array_equal(found.masks[1], proposals.masks[1])
    np.testing.assert_array_equal(found.boxes, tight_boxes(found.masks))
    np.testing.assert_array_equal(found.quality, proposals.quality)


def test_parts_become_masks_of_the_same_quality_larger_ones_first():
    found = Refinement(parts="split")(drawn(TWO_PARTS, ALL, quality=[0.25, 0.75]))
    assert found.masks.sum(axis=(1, 2)).tolist() == [40, 6, 1]
    assert found.quality.tolist() == [0.75, 0.25, 0.25]
    assert found.details["number"].tolist() == [1, 0, 0]


@pytest.mark.parametrize("parts", ["split", "largest"])
def test_a_part_that_comes_twice_is_kept_once(parts):
    found = Refinement(parts=parts)(drawn(PIXEL, TWO_PARTS, TWO_PARTS))
    assert found.details["number"].tolist() == [0, 1]


def test_parts_come_before_areas_and_areas_before_the_limit():
    proposals = drawn(TWO_PARTS, ALL)
    found = Refinement(parts="split", min_area=2 / 40, limit=2)(proposals)
    assert found.masks.sum(axis=(1, 2)).tolist() == [6, 40]
    assert Refinement(parts="largest", min_area=7 / 40)(proposals).details["number"].tolist() == [1]


def test_repetitions_make_room_below_the_limit():
    proposals = drawn(ALL, ALL, TWO_PARTS)
    assert Refinement(duplicates=0.9, limit=2)(proposals).details["number"].tolist() == [0, 2]
    found = Refinement(parts="split", duplicates=0.1, limit=2)(drawn(ALL, TWO_PARTS, PIXEL))
    assert found.masks.sum(axis=(1, 2)).tolist() == [40, 1]


def test_too_many_parts_are_refused_unless_a_limit_stops_them(monkeypatch):
    monkeypatch.setattr(refine, "MOST_PIXELS", 10 * 64)
    dots = np.zeros((1, 8, 8), np.bool_)
    dots[0, ::2, ::2] = True
    with pytest.raises(MaskError, match=r"more than 10 parts.*min_area"):
        Refinement(parts="split")(MaskProposals(dots))
    assert len(Refinement(parts="split", limit=10)(MaskProposals(dots))) == 10
    assert len(Refinement(parts="split", min_area=0.1)(MaskProposals(dots))) == 0


@pytest.mark.parametrize("parts", refine.PARTS)
def test_no_masks_and_masks_without_a_pixel(parts):
    refinement = Refinement(limit=5, duplicates=0.5, parts=parts)
    assert refinement(MaskProposals.empty(4, 10)).size == (4, 10)
    empty = MaskProposals(np.zeros((2, 4, 10), np.bool_))
    assert refinement(empty).masks.shape == (0, 4, 10)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"min_area": -0.1}, "min_area and max_area are from 0 to 1, not -0.1 and 1.0"),
        ({"max_area": 1.5}, "min_area and max_area"),
        ({"min_area": 0.6, "max_area": 0.5}, "min_area and max_area"),
        ({"min_area": float("nan")}, "min_area and max_area"),
        ({"duplicates": 2}, "duplicates is an IoU from 0 to 1, not 2"),
        ({"limit": 0}, "limit is at least 1, not 0"),
        ({"parts": "all"}, "together, largest, split, not 'all'"),
        ({"limit": 0, "parts": "all"}, "limit is at least 1.*; parts"),
    ],
)
def test_settings_out_of_range_are_refused(settings, says):
    with pytest.raises(ConfigurationError, match=says):
        Refinement(**settings)


class Fixed:
    def configuration(self):
        return {"proposer": "fixed", "limit": 4}

    def propose(self, image):
        assert image.shape == (4, 10, 3)
        return drawn(TWO_PARTS, ALL, PIXEL)


def test_a_refined_proposer_refines_and_tells_how():
    refined = Refined(Fixed(), Refinement(limit=1, parts="largest"))
    assert len(refined.propose(np.zeros((4, 10, 3), np.uint8))) == 1
    assert refined.configuration() == {
        "proposer": "fixed",
        "limit": 4,
        "refinement.limit": 1,
        "refinement.parts": "largest",
    }
    assert Refined(Fixed(), Refinement()).configuration() == Fixed().configuration()


def test_a_proposer_that_cannot_tell_its_configuration_can_be_refined(fixed_proposer, noise):
    refined = Refined(fixed_proposer, Refinement(limit=2))
    assert len(refined.propose(noise)) == 2
    with pytest.raises(ConfigurationError, match=r"FixedProposer does not state"):
        refined.configuration()
