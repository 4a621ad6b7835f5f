"""Crops of single masks: the mask sharp, the rest blurred, outside of the image grey."""

import numpy as np
from skimage import data

from refmask.classifier.crops import GREY, cut_crops
from refmask.types import MaskProposals


def crops_of(image, *masks, side=64):
    proposals = MaskProposals(np.array(masks))
    return cut_crops(image, proposals.masks, proposals.boxes, side)


def test_the_mask_stays_and_the_rest_is_blurred():
    image = data.chelsea()[:200, :200]
    mask = np.zeros((200, 200), np.bool_)
    mask[50:150, 50:150] = True
    (crop,) = crops_of(image, mask, side=120)
    assert crop.shape == (120, 120, 3)
    assert crop.dtype == np.uint8
    # 100 pixels and a margin of a tenth on each side are 120: the crop is the image itself
    inside, own = crop[12:108, 12:108].astype(float), image[52:148, 52:148].astype(float)
    assert np.abs(inside - own).mean() < 1
    ring = np.ones((120, 120), np.bool_)
    ring[8:112, 8:112] = False
    assert np.abs(np.diff(crop.astype(float), axis=1))[ring[:, 1:]].mean() < 2


def test_outside_of_the_image_is_grey():
    image = np.full((50, 50, 3), 250, np.uint8)
    mask = np.zeros((50, 50), np.bool_)
    mask[:, :10] = True  # the square around it reaches beyond three sides
    (crop,) = crops_of(image, mask, side=64)
    assert abs(int(crop[2, 2, 0]) - GREY) < 40
    assert crop[32, 32, 0] == 250


def test_permuting_masks_permutes_crops(noise, fixed_proposer):
    masks = fixed_proposer.propose(noise).masks
    assert np.array_equal(crops_of(noise, *masks)[::-1], crops_of(noise, *masks[::-1]))


def test_a_pixel_and_the_whole_image():
    image = np.full((30, 40, 3), 200, np.uint8)
    pixel = np.zeros((30, 40), np.bool_)
    pixel[3, 4] = True
    crops = crops_of(image, pixel, np.ones((30, 40), np.bool_))
    assert (crops[:, 32, 32] == 200).all()
    assert crops.shape == (2, 64, 64, 3)


def test_a_huge_mask_is_the_same_small():
    small = data.coffee()[:256, :256]
    large = np.repeat(np.repeat(small, 12, axis=0), 12, axis=1)
    whole = np.ones((256, 256), np.bool_)
    one = crops_of(small, whole)[0].astype(float)
    other = crops_of(large, np.ones(large.shape[:2], np.bool_))[0].astype(float)
    assert np.abs(one - other).mean() < 3
