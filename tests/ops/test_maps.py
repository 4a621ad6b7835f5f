"""Means of enlarged maps over masks, without enlarging them."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from refmask.ops.maps import enlarge, enlarged_extremes, mask_shares, region_shares
from refmask.types import MaskProposals


@pytest.mark.parametrize("size", [(1, 1), (3, 50), (7, 7), (5, 4), (61, 90)])
@pytest.mark.parametrize("grid", [(7, 7), (3, 5)])
def test_shares_give_the_mean_of_the_enlarged_map(size, grid):
    random = np.random.default_rng(0)
    masks = random.random((4, *size)) < 0.3
    masks[:, 0, 0] = True
    maps = torch.from_numpy(random.standard_normal((2, *grid))).float()
    fine = functional.interpolate(maps[None], size, mode="bilinear", align_corners=False)[0]
    expected = torch.stack([fine[:, mask].mean(dim=1) for mask in torch.from_numpy(masks)], dim=1)
    shares = mask_shares(MaskProposals(masks), grid)
    assert shares.min() >= 0
    assert torch.allclose(torch.einsum("thw,nhw->tn", maps, shares), expected, atol=1e-5)
    low, high = enlarged_extremes(maps, size)
    assert torch.equal(low, fine.amin(dim=(1, 2)))
    assert torch.equal(high, fine.amax(dim=(1, 2)))


def test_nothing_to_share():
    assert mask_shares(MaskProposals.empty(4, 5), (7, 7)).shape == (0, 7, 7)
    assert enlarged_extremes(torch.zeros(0, 7, 7), (4, 5))[0].shape == (0,)


@pytest.mark.parametrize("grid", [(3, 5), (1, 1), (40, 60)])
def test_regions_have_the_shares_of_their_masks(grid):
    labels = np.random.default_rng(0).integers(0, 4, (37, 53))
    masks = MaskProposals(np.stack([labels == region for region in range(4)]))
    shares = region_shares(labels, grid)
    assert shares.shape == (4, grid[0] * grid[1])
    assert np.allclose(shares, mask_shares(masks, grid).flatten(1), atol=1e-6)


def test_enlarging_follows_the_contour_of_the_image():
    image = np.zeros((8, 8, 3), np.uint8)
    image[:, 3:] = 255
    small = np.array([[[0] * 3, [255] * 3], [[0] * 3, [255] * 3]], np.uint8)
    labels = enlarge(np.array([[0, 1], [0, 1]], np.int32), small, image)
    np.testing.assert_array_equal(labels, image[..., 0] // 255)


@pytest.mark.parametrize("size", [(1, 1), (2, 9), (9, 2)])
def test_an_image_smaller_than_its_labels_takes_those_of_its_places(size):
    labels = np.arange(16, dtype=np.int32).reshape(4, 4)
    carried = enlarge(labels, np.zeros((4, 4, 3), np.uint8), np.zeros((*size, 3), np.uint8))
    assert carried.shape == size
    assert (np.diff(carried, axis=0) >= 0).all()
    assert (np.diff(carried, axis=1) >= 0).all()
