"""What every proposer in PROPOSERS keeps; a new line in the dict is taken in by itself."""

import dataclasses
import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from refmask.errors import ConfigurationError, ImageError
from refmask.proposals import PROPOSERS, load_proposer
from refmask.types import ConfiguredProposer, MaskProposals, tight_boxes


def _image(height=60, width=90):
    image = np.full((height, width, 3), (40, 90, 160), np.uint8)
    image[10:40, 20:50] = (220, 60, 40)
    image[20:55, 60:80] = (240, 220, 60)
    return image


@pytest.fixture(params=PROPOSERS)
def proposer(request, proposer_settings):
    return load_proposer(request.param, settings=proposer_settings(request.param))


def test_its_configuration_can_be_kept(proposer):
    told = proposer.configuration()
    assert told["proposer"] in PROPOSERS
    assert json.loads(json.dumps(told)) == told
    assert all(isinstance(value, str | int | float | bool | None) for value in told.values())


def test_masks_fit_the_image_and_come_best_first(proposer):
    found = proposer.propose(_image())
    assert isinstance(proposer, ConfiguredProposer)
    assert isinstance(found, MaskProposals)
    assert found.size == (60, 90)
    assert 1 <= len(found) <= 100
    assert np.isfinite(found.quality).all()
    assert (np.diff(found.quality) <= 0).all()
    np.testing.assert_array_equal(found.boxes, tight_boxes(found.masks))


def test_no_mask_is_empty_or_given_twice(proposer):
    masks = proposer.propose(_image()).masks
    assert masks.any(axis=(1, 2)).all()
    assert len(np.unique(masks.reshape(len(masks), -1), axis=0)) == len(masks)


def test_the_same_image_gives_the_same_masks(proposer):
    one, other = proposer.propose(_image()), proposer.propose(_image())
    np.testing.assert_array_equal(one.masks, other.masks)
    np.testing.assert_array_equal(one.quality, other.quality)


def test_threads_may_share_it(proposer):
    images = [np.roll(_image(), 7 * step, axis=1) for step in range(4)]
    wanted = [proposer.propose(image) for image in images]
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(proposer.propose, images))
    for one, other in zip(wanted, found, strict=True):
        np.testing.assert_array_equal(one.masks, other.masks)
        np.testing.assert_array_equal(one.quality, other.quality)


def test_the_image_is_left_as_it_was(proposer):
    image = _image()
    image.flags.writeable = False
    proposer.propose(image)


def test_no_convolution_in_fp32_is_rounded(proposer, rounded_convolutions):
    if not hasattr(proposer, "precision"):
        return  # computes with no network
    proposer = dataclasses.replace(proposer, precision="fp32")
    with rounded_convolutions:
        proposer.propose(_image())
    assert rounded_convolutions.seen
    assert not rounded_convolutions.rounded


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (2, 2), (5, 900), (64, 64)])
def test_plain_and_tiny_images_of_any_size_work(proposer, size):
    found = proposer.propose(np.full((*size, 3), 128, np.uint8))
    assert found.size == size
    assert len(found) <= 100


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3)),
        np.zeros((0, 4, 3), np.uint8),
    ],
)
def test_what_is_no_image_is_refused(proposer, wrong):
    with pytest.raises(ImageError, match=r"uint8 \(H, W, 3\)"):
        proposer.propose(wrong)


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(ConfigurationError, match=r"'sams'.*grouping.*masks:PATH"):
        load_proposer("sams")


def test_masks_need_a_path():
    with pytest.raises(ConfigurationError, match="masks:PATH"):
        load_proposer("masks:")
