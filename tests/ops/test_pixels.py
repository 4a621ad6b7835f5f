"""What encoders read; the released code's arithmetic is tested against its arrays."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from refmask import MaskError
from refmask.ops import pixels
from refmask.ops.pixels import (
    Preprocessing,
    crop_source,
    cut_crops,
    edges,
    grid_masks,
    normalize_pixels,
    projected_boxes,
    whole_image,
)
from refmask.types import MaskProposals

MEAN = (0.485, 0.456, 0.406)
PAPER = Preprocessing(32, (0.5, 0.4, 0.3), (0.2, 0.3, 0.4))
RELEASED = Preprocessing(32, MEAN, (0.229, 0.224, 0.225), "bilinear", antialias=False, fill=MEAN)
WAYS = [PAPER, RELEASED]


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(0).integers(0, 256, (90, 70, 3), np.uint8)


@pytest.fixture(scope="module")
def proposals():
    """A speckled mask, one at an edge, one of a single pixel, and all of the image."""
    masks = np.zeros((4, 90, 70), np.bool_)
    masks[0, 13:61, 5:57] = np.random.default_rng(1).random((48, 52)) < 0.5
    masks[1, :20, 60:] = masks[2, 44, 33] = masks[3] = True
    return MaskProposals(masks)


def plainly(image, mask, box, way_in):
    """A crop, step by step: the whole image normalised, filled, cut and resized."""
    shown = np.where(mask[..., None], (image / 255.0 - way_in.mean) / way_in.std, way_in.fill)
    x1, y1, x2, y2 = (int(edge) for edge in box)
    crop = torch.from_numpy(shown[y1:y2, x1:x2]).permute(2, 0, 1)[None].float()
    mode, smooth = way_in.interpolation, way_in.antialias
    return functional.interpolate(crop, (32, 32), mode=mode, antialias=smooth)[0]


@pytest.mark.parametrize("strip", [1, 300, 1 << 20])
@pytest.mark.parametrize("way_in", WAYS)
def test_crops_are_the_same_in_any_strips(image, proposals, way_in, strip, monkeypatch):
    monkeypatch.setattr(pixels, "STRIP", strip)
    masks = proposals.masks[[0, 1, 3]]
    boxes = proposals.boxes[[0, 1, 3]] if way_in.antialias else projected_boxes(masks)
    crops = cut_crops(image, masks, boxes, way_in)
    for crop, mask, box in zip(crops, masks, boxes, strict=True):
        torch.testing.assert_close(crop, plainly(image, mask, box, way_in), rtol=0, atol=1e-4)


@pytest.mark.parametrize("way_in", WAYS)
def test_a_crop_of_everything_is_the_image(image, way_in):
    everything = MaskProposals(np.ones((1, 90, 70), np.bool_))
    crop = cut_crops(image, everything.masks, everything.boxes, way_in)
    torch.testing.assert_close(crop, whole_image(image, way_in))


def test_crops_may_be_cut_from_an_image_shrunk_back(image, proposals):
    doubled = image.repeat(2, axis=0).repeat(2, axis=1)
    source = crop_source(doubled, (90, 70), RELEASED)
    np.testing.assert_allclose(source, image, atol=1e-3)
    assert crop_source(image, (90, 70), RELEASED) is image
    found, expected = (
        cut_crops(one, proposals.masks[3:], proposals.boxes[3:], RELEASED)
        for one in (source, image)
    )
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)


def test_an_empty_crop_is_told(image, proposals):
    with pytest.raises(MaskError, match=r"mask 0 has an empty crop box \(3, 4, 3, 9\)"):
        cut_crops(image, proposals.masks[:1], np.array([[3, 4, 3, 9]]), PAPER)


def test_what_may_not_be_written_to_is_left_alone(image):
    locked = image.copy()
    locked.flags.writeable = False
    assert normalize_pixels(locked, PAPER).equal(normalize_pixels(image, PAPER))
    np.testing.assert_array_equal(locked, image)


def test_grid_masks_are_covered_area():
    masks = np.zeros((2, 10, 15), np.bool_)
    masks[0, :5, :5] = True
    masks[1] = True
    soft = grid_masks(MaskProposals(masks), (2, 4))
    # 15 columns in 4 cells of 3.75: the first is covered wholly, the second by 1.25 / 3.75.
    assert torch.allclose(soft[0, 0], torch.tensor([1, 1 / 3, 0, 0]), atol=1e-6)
    assert torch.allclose(soft[0, 1], torch.zeros(4))
    assert torch.allclose(soft[1], torch.ones(2, 4), atol=1e-6)
    assert torch.isclose(soft[0].mean(), torch.tensor(25 / 150), atol=1e-6)


@pytest.mark.parametrize("grid", [(7, 7), (3, 5), (90, 70), (120, 80)])
def test_grid_masks_may_be_bilinear_samples(proposals, grid):
    soft = grid_masks(proposals, grid, antialias=False)
    floats = torch.tensor(proposals.masks).float()[:, None]
    expected = functional.interpolate(floats, grid, mode="bilinear")[:, 0]
    torch.testing.assert_close(soft, expected, rtol=0, atol=2e-5)


def test_loose_boxes_change_no_grid_mask(proposals):
    loose = proposals.boxes + np.array([-0.5, -0.5, 0.5, 0.5])
    loose = MaskProposals(proposals.masks, np.clip(loose, 0, [70, 90, 70, 90]))
    for smooth in (True, False):
        found, expected = (grid_masks(one, (7, 7), antialias=smooth) for one in (loose, proposals))
        torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((480, 640), (800, 1067)),
        ((427, 640), (800, 1199)),
        ((300, 720), (555, 1333)),
        ((720, 300), (1333, 555)),
        ((500, 500), (800, 800)),
        ((1, 1), (800, 800)),
        ((1, 50_000), (1, 1333)),
    ],
)
def test_the_shorter_side_is_reached_unless_the_longer_would_exceed_its_limit(before, after):
    assert edges(*before, 800, 1333) == after
