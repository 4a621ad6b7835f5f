"""What encoders read; the released code's arithmetic is tested against its arrays."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from refmask import MaskError
from refmask.compat import Compat, reference
from refmask.ops import pixels
from refmask.ops.pixels import (
    PixelStatistics,
    crop_source,
    cut_crops,
    grid_masks,
    normalise,
    projected_boxes,
    whole_picture,
)
from refmask.types import MaskProposals

STATISTICS = PixelStatistics(32, (0.5, 0.4, 0.3), (0.2, 0.3, 0.4))
RECORDS = [Compat(), reference("vit")]


@pytest.fixture(scope="module")
def picture():
    return np.random.default_rng(0).integers(0, 256, (90, 70, 3), np.uint8)


@pytest.fixture(scope="module")
def proposals():
    """A speckled mask, one at an edge, one of a single pixel, and all of the picture."""
    masks = np.zeros((4, 90, 70), np.bool_)
    masks[0, 13:61, 5:57] = np.random.default_rng(1).random((48, 52)) < 0.5
    masks[1, :20, 60:] = masks[2, 44, 33] = masks[3] = True
    return MaskProposals(masks)


def plainly(picture, mask, box, compat):
    """A crop, step by step: the whole picture normalised, filled, cut and resized."""
    mean, std = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    if not compat.imagenet_statistics:
        mean, std = STATISTICS.mean, STATISTICS.std
    shown = np.where(mask[..., None], (picture / 255.0 - mean) / std, compat.crop_fill)
    x1, y1, x2, y2 = (int(edge) for edge in box)
    crop = torch.from_numpy(shown[y1:y2, x1:x2]).permute(2, 0, 1)[None].float()
    smooth = not compat.plain_bilinear
    mode = "bicubic" if smooth else "bilinear"
    return functional.interpolate(crop, (32, 32), mode=mode, antialias=smooth)[0]


@pytest.mark.parametrize("strip", [1, 300, 1 << 20])
@pytest.mark.parametrize("compat", RECORDS)
def test_crops_are_the_same_in_any_strips(picture, proposals, compat, strip, monkeypatch):
    monkeypatch.setattr(pixels, "STRIP", strip)
    masks = proposals.masks[[0, 1, 3]]
    boxes = projected_boxes(masks) if compat.projected_boxes else proposals.boxes[[0, 1, 3]]
    crops = cut_crops(picture, masks, boxes, STATISTICS, compat)
    for crop, mask, box in zip(crops, masks, boxes, strict=True):
        torch.testing.assert_close(crop, plainly(picture, mask, box, compat), rtol=0, atol=1e-4)


@pytest.mark.parametrize("compat", RECORDS)
def test_a_crop_of_everything_is_the_picture(picture, compat):
    everything = MaskProposals(np.ones((1, 90, 70), np.bool_))
    crop = cut_crops(picture, everything.masks, everything.boxes, STATISTICS, compat)
    torch.testing.assert_close(crop, whole_picture(picture, STATISTICS, compat))


def test_crops_may_be_cut_from_a_picture_shrunk_back(picture, proposals):
    compat = reference("vit")
    doubled = picture.repeat(2, axis=0).repeat(2, axis=1)
    source = crop_source(doubled, (90, 70), STATISTICS, compat)
    np.testing.assert_allclose(source, picture, atol=1e-3)
    assert crop_source(picture, (90, 70), STATISTICS, compat) is picture
    found, expected = (
        cut_crops(one, proposals.masks[3:], proposals.boxes[3:], STATISTICS, compat)
        for one in (source, picture)
    )
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)


def test_an_empty_crop_is_told(picture, proposals):
    with pytest.raises(MaskError, match=r"mask 0 has an empty crop box \(3, 4, 3, 9\)"):
        cut_crops(picture, proposals.masks[:1], np.array([[3, 4, 3, 9]]), STATISTICS, Compat())


def test_what_may_not_be_written_to_is_left_alone(picture):
    locked = picture.copy()
    locked.flags.writeable = False
    assert normalise(locked, STATISTICS, Compat()).equal(normalise(picture, STATISTICS, Compat()))
    np.testing.assert_array_equal(locked, picture)


def test_grid_masks_are_covered_area():
    masks = np.zeros((2, 10, 15), np.bool_)
    masks[0, :5, :5] = True
    masks[1] = True
    soft = grid_masks(MaskProposals(masks), (2, 4), Compat())
    # 15 columns in 4 cells of 3.75: the first is covered wholly, the second by 1.25 / 3.75.
    assert torch.allclose(soft[0, 0], torch.tensor([1, 1 / 3, 0, 0]), atol=1e-6)
    assert torch.allclose(soft[0, 1], torch.zeros(4))
    assert torch.allclose(soft[1], torch.ones(2, 4), atol=1e-6)
    assert torch.isclose(soft[0].mean(), torch.tensor(25 / 150), atol=1e-6)


@pytest.mark.parametrize("grid", [(7, 7), (3, 5), (90, 70), (120, 80)])
def test_grid_masks_may_be_bilinear_samples(proposals, grid):
    soft = grid_masks(proposals, grid, reference("vit"))
    floats = torch.tensor(proposals.masks).float()[:, None]
    expected = functional.interpolate(floats, grid, mode="bilinear")[:, 0]
    torch.testing.assert_close(soft, expected, rtol=0, atol=2e-5)


def test_loose_boxes_change_no_grid_mask(proposals):
    loose = proposals.boxes + np.array([-0.5, -0.5, 0.5, 0.5])
    loose = MaskProposals(proposals.masks, np.clip(loose, 0, [70, 90, 70, 90]))
    for compat in RECORDS:
        found, expected = (grid_masks(one, (7, 7), compat) for one in (loose, proposals))
        torch.testing.assert_close(found, expected)
