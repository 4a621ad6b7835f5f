"""Automatic mask generation: each filter, on a model that answers with discs."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from refmask.proposals.sam import Sam, automatic
from refmask.proposals.sam.automatic import (
    box_iou,
    generate,
    point_grid,
    stability_score,
    without_small_regions,
)
from refmask.proposals.sam.thresholds import Thresholds

SIDE = 64
ALL = Thresholds(points_per_side=4, pred_iou=0.0, stability=0.0, min_area=0, nms=0.7)
BLANK = np.zeros((SIDE, SIDE, 3), np.uint8)


class Discs:
    """Stands for a network: around every point discs, one per radius, on an input of 64 pixels.

    Logits fall by ``slope`` per pixel from a disc's rim outwards; points nearer the upper left are
    believed in more. ``speck`` adds a lone pixel to the discs of the first point.
    """

    def __init__(self, radii=(6.0,), slope=100.0, belief=(0.9,), speck=False):
        self.radii, self.slope, self.belief, self.speck = radii, slope, belief, speck
        self.embedded, self.batches, self.asked = 0, [], []

    def frame(self, *_):
        return SIDE, SIDE

    def embed(self, _):
        self.embedded += 1

    def decode(self, _, points):
        self.batches.append(len(points))
        self.asked += points.tolist()
        places = torch.arange(SIDE) + 0.5
        away = torch.hypot(
            places[None, :] - points[:, 0, None, None], places[:, None] - points[:, 1, None, None]
        )
        logits = torch.stack([(radius - away) * self.slope for radius in self.radii], dim=1)
        if self.speck:
            logits[0, :, -1, -1] = 1.0
        nearness = 1 - points.sum(dim=1, keepdim=True) / 1000
        return logits, torch.tensor([self.belief]) * nearness

    def enlarge(self, logits, height, width):
        return torch.nn.functional.interpolate(logits[:, None], (height, width))[:, 0]


def _found(network, thresholds=ALL, image=BLANK, batch=64, limit=None):
    return generate(network, image, thresholds, batch, limit)


def test_points_are_the_centres_of_equal_cells():
    expected = [[0.25, 0.25], [0.75, 0.25], [0.25, 0.75], [0.75, 0.75]]
    torch.testing.assert_close(point_grid(2), torch.tensor(expected))
    network = Discs()
    _found(network, replace(ALL, points_per_side=1))
    assert network.asked == [[SIDE / 2, SIDE / 2]]


def test_an_image_is_embedded_once_and_asked_in_batches():
    network = Discs()
    _found(network, batch=6)
    assert (network.embedded, network.batches) == (1, [6, 6, 4])


def test_masks_come_best_first_and_no_more_than_the_limit():
    found = _found(Discs())
    assert len(found) == 16
    assert (np.diff(found.quality) <= 0).all()
    assert found.masks[0, 8, 8]
    fewer = _found(Discs(), limit=3)
    np.testing.assert_array_equal(fewer.masks, found.masks[:3])
    np.testing.assert_array_equal(fewer.quality, found.quality[:3])


def test_masks_the_model_does_not_believe_in_are_dropped():
    network = Discs(radii=(3.0, 6.0), belief=(0.9, 0.4))
    assert len(_found(network)) == 32
    assert (_found(network, replace(ALL, pred_iou=0.5)).masks.sum(axis=(1, 2)) < 40).all()
    best = float(_found(network).quality[0])
    assert len(_found(network, replace(ALL, pred_iou=best))) == 0, "the threshold is exclusive"


def test_masks_with_an_unstable_outline_are_dropped():
    # At +-1 the radius is 6 -+ 1, so that the score is about (5 / 7) ** 2 = 0.51.
    network = Discs(slope=1.0)
    assert len(_found(network, replace(ALL, stability=0.45))) == 16
    assert len(_found(network, replace(ALL, stability=0.55))) == 0


def test_stability_is_the_iou_of_the_masks_above_and_below():
    logits = torch.tensor([[[2.0, 1.5], [0.5, -0.5]], [[-5, -5], [-5, -5]], [[9, 9], [9, -9]]])
    torch.testing.assert_close(stability_score(logits), torch.tensor([0.5, 0.0, 1.0]))


def test_a_better_mask_suppresses_those_with_nearly_its_box():
    network = Discs(radii=(6.0, 6.6), belief=(0.5, 0.9))  # boxes of 12 and 14 pixels: IoU 0.73
    found = _found(network)
    assert len(found) == 16
    assert (found.quality > 0.7).all()
    assert len(_found(network, replace(ALL, nms=0.75))) == 32


def test_masks_that_are_the_same_are_offered_once():
    network = Discs(radii=(6.0, 6.0), belief=(0.5, 0.9))
    assert len(_found(network, replace(ALL, nms=0.99))) == 16


def test_small_masks_are_dropped():
    network = Discs(radii=(3.0, 6.0), belief=(0.9, 0.4))
    found = _found(network, replace(ALL, min_area=60))
    assert len(found) == 16
    assert (found.masks.sum(axis=(1, 2)) > 60).all()


def test_holes_are_filled_and_islands_removed():
    mask = np.zeros((20, 20), np.bool_)
    mask[2:12, 2:12] = True
    mask[4:6, 4:6] = False  # a hole of 4
    mask[7:11, 7:10] = False  # a hole of 12
    mask[15:17, 15:18] = True  # an island of 6
    mask[17, 18] = True  # its seventh pixel, at a corner
    tidy = without_small_regions(mask, 7)
    assert tidy[4:6, 4:6].all()
    assert not tidy[7:11, 7:10].any()
    assert tidy[15:17, 15:18].all(), "pixels at a corner belong together"
    assert not without_small_regions(mask, 8)[14:].any()
    np.testing.assert_array_equal(without_small_regions(mask, 1), mask)
    assert not without_small_regions(mask, 500).any() or without_small_regions(mask, 500).all()


def test_of_masks_that_become_alike_the_unchanged_one_stays():
    """The better mask needed tidying before it had the other's box (SAM's released rule)."""
    network = Discs(radii=(6.0, 6.2), belief=(0.9, 0.8), speck=True)
    one = replace(ALL, points_per_side=1, nms=0.7)

    def decode(_, points):
        logits, belief = Discs.decode(network, None, points)
        logits[0, 1, -1, -1] = -1.0  # only the better one has the speck
        return logits, belief

    network.decode = decode
    assert len(_found(network, one)) == 2
    (quality,) = _found(network, replace(one, min_area=2)).quality
    assert quality == pytest.approx(0.8 * (1 - 0.064))


def test_a_tidied_mask_keeps_its_rank():
    network = Discs(speck=True)  # the first point's mask is the best, and the only one to tidy
    found = _found(network, replace(ALL, min_area=2))
    assert (np.diff(found.quality) <= 0).all()
    assert found.masks[0, 8, 8]
    assert not found.masks[0, -1, -1]


def test_nothing_found_is_no_masks_of_the_images_size():
    found = _found(Discs(), replace(ALL, pred_iou=2.0), np.zeros((30, 50, 3), np.uint8))
    assert (len(found), found.size) == (0, (30, 50))


def test_large_images_are_worked_on_in_parts(monkeypatch):
    image = np.zeros((100, 130, 3), np.uint8)
    tidying = replace(ALL, min_area=20)
    whole = _found(Discs(), tidying, image)
    heights = []

    class Watched(Discs):
        def enlarge(self, logits, height, width):
            heights.append(len(logits))
            return super().enlarge(logits, height, width)

    monkeypatch.setattr(automatic, "CHUNK", 3 * 100 * 130)
    parts = _found(Watched(), tidying, image)
    assert max(heights) == 3
    np.testing.assert_array_equal(parts.masks, whole.masks)
    monkeypatch.setattr(automatic, "CHUNK", 1)
    np.testing.assert_array_equal(_found(Discs(), tidying, image).masks, whole.masks)


def test_box_iou_is_that_of_the_boxes_areas():
    boxes = np.array([[0, 0, 4, 4], [2, 2, 6, 6], [5, 0, 6, 2]], np.float32)
    expected = [[1, 4 / 28, 0], [4 / 28, 1, 0], [0, 0, 1]]
    np.testing.assert_allclose(box_iou(boxes), expected)


@pytest.mark.parametrize("batch", [1, 7, 64])
def test_masks_do_not_depend_on_the_batch(sam_settings, noise, batch):
    settings = {**sam_settings, "nms": 0.95, "points_per_side": 5}
    expected = Sam(**settings, points_per_batch=25).propose(noise)
    found = Sam(**settings, points_per_batch=batch).propose(noise)
    assert len(expected) > 3
    np.testing.assert_array_equal(found.masks, expected.masks)
    np.testing.assert_allclose(found.quality, expected.quality, rtol=1e-4)
