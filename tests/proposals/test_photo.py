"""``photo``: learnt boundaries, the basins between them, and masks of photographs."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from skimage import data

from refmask.classifier import region_posteriors
from refmask.classifier.network import PYRAMID
from refmask.errors import ConfigurationError, ImageError, WeightsError
from refmask.ops.masks import pairwise_iou
from refmask.proposals.grouping import Grouping
from refmask.proposals.photo import CRITERIA, DEPTH, Photo, basins
from refmask.proposals.photo.network import (
    WEIGHTS,
    WIDTHS,
    BoundaryNetwork,
    boundaries,
    load_network,
)
from refmask.weights.reading import fill, read_weights

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def photo():
    return Photo(precision="fp32")


@pytest.fixture(scope="module")
def coffee(photo):
    return photo.propose(data.coffee())


def best_iou(masks, target):
    return max(pairwise_iou(np.stack([mask, target]))[0, 1] for mask in masks)


def ellipse(box):
    """What lies within an ellipse on the photograph of the coffee, 600x400 pixels."""
    image = Image.new("1", (600, 400))
    ImageDraw.Draw(image).ellipse(box, fill=1)
    return np.array(image)


#: By hand: the saucer, and the cup's opening, which stands out behind it.
SAUCER, OPENING = ellipse((75, 42, 478, 382)), ellipse((172, 17, 408, 210))


def test_a_cup_on_its_saucer_is_found_whole(coffee):
    assert best_iou(coffee.masks, SAUCER | OPENING) > 0.92


def test_masks_differ_from_each_other_and_come_best_first(coffee):
    overlaps = pairwise_iou(coffee.masks)
    np.fill_diagonal(overlaps, 0)
    assert overlaps.max() < CRITERIA.apart + 0.05  # borders are carried over to full size
    assert (np.diff(coffee.quality) <= 0).all()


def test_it_offers_more_than_grouping(coffee):
    assert len(Grouping().propose(data.coffee())) < len(coffee) <= 200


def test_the_limit_keeps_the_best(coffee):
    few = Photo(limit=3, precision="fp32").propose(data.coffee())
    np.testing.assert_array_equal(few.masks, coffee.masks[:3])


@pytest.mark.parametrize("size", [(1, 1), (3, 900), (900, 2)])
def test_images_of_any_shape(photo, size):
    noise = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    found = photo.propose(noise)
    assert found.size == size
    assert found.masks.any(axis=(1, 2)).all()


def test_a_plain_image_is_one_mask(photo):
    found = photo.propose(np.full((48, 64, 3), 128, np.uint8))
    assert found.masks.all()
    assert len(found) == 1


def test_what_is_no_image_is_refused(photo):
    with pytest.raises(ImageError):
        photo.propose(np.zeros((4, 4), np.uint8))


def test_settings_out_of_range_are_refused():
    with pytest.raises(ConfigurationError, match="limit is at least 1, not 0"):
        Photo(limit=0)
    with pytest.raises(ConfigurationError, match="precision"):
        Photo(precision="fp8")
    with pytest.raises(ConfigurationError, match="device"):
        Photo(device="abacus")


def test_its_configuration_tells_both_networks_and_the_precision():
    one, other = (Photo(precision=name).configuration() for name in ("fp32", "bf16"))
    assert one != other
    assert {**one, "precision": "bf16"} == other
    assert len(one["boundary"]) == len(one["classifier"]) == 64
    assert one["boundary"] != one["classifier"]


def test_the_weights_are_small_plain_tensors():
    weights = read_weights(WEIGHTS)
    assert WEIGHTS.stat().st_size < 2_000_000
    assert all(value.isfinite().all() for value in weights.values())
    weights.pop("out.bias")
    with pytest.raises(WeightsError, match="1 missing"):
        fill(BoundaryNetwork(), weights, "these")


def test_the_network_is_its_equation():
    """From coarse to fine: narrow, enlarge twice, add, and two convolutions beside a shortcut."""
    network, generator = load_network(CPU), torch.Generator().manual_seed(0)
    pyramid = [
        torch.randn((1, width, 32 >> level, 48 >> level), generator=generator)
        for level, width in enumerate(PYRAMID)
    ]
    weights = {name: value.double() for name, value in network.state_dict().items()}

    def convolve(name, x):
        kernel = weights[f"{name}.weight"]
        bias, padding = weights[f"{name}.bias"], kernel.shape[-1] // 2
        return torch.nn.functional.conv2d(x, kernel, bias, padding=padding)

    x = torch.zeros(1, WIDTHS[-1], 2, 3).double()
    for level in range(len(WIDTHS) - 1, -1, -1):
        x = (x + convolve(f"across.{level}", pyramid[level].double())).relu()
        inner = convolve(f"blocks.{level}.first", x).relu()
        x = (x + convolve(f"blocks.{level}.second", inner)).relu()
        if level:
            x = torch.nn.functional.interpolate(
                convolve(f"narrow.{level - 1}", x), scale_factor=2.0, mode="bilinear"
            )
    with torch.inference_mode():
        found = network(pyramid)
    assert found.shape == (1, 1, 32, 48)
    torch.testing.assert_close(found.double(), convolve("out", x), atol=1e-3, rtol=1e-4)


def test_boundaries_lie_around_things(classifier):
    """Much on the saucer's rim, hardly anything on the table beside it."""
    pyramid = classifier.encode_pyramid(data.coffee())
    found = boundaries(load_network(CPU), pyramid, (400, 600))
    assert found.shape == (400, 600)
    assert found.dtype == np.float32
    assert 0 <= found.min() <= found.max() <= 1
    rim = ellipse((70, 37, 483, 387)) & ~ellipse((80, 47, 473, 377)) & ~OPENING
    table = np.zeros_like(rim)
    table[300:390, 520:590] = True
    assert found[rim].mean() > 3 * found[table].mean()


def test_the_pyramid_halves_from_map_to_map(classifier):
    pyramid = classifier.encode_pyramid(data.coffee(), 320)
    assert tuple(maps.shape[1] for maps in pyramid) == PYRAMID
    assert pyramid[0].shape[2:] == (112, 160)
    for fine, coarse in pairwise(pyramid):
        assert fine.shape[2] == 2 * coarse.shape[2]
        assert fine.shape[3] == 2 * coarse.shape[3]
    whole = classifier.encode_pyramid(data.coffee())
    np.testing.assert_array_equal(
        classifier.places_of(whole), classifier.encode_places(data.coffee())
    )


def test_a_regions_posterior_is_that_of_its_mean_logits():
    places = np.random.default_rng(0).normal(size=(5, 2, 2)).astype(np.float32)
    found = region_posteriors(places, np.zeros((8, 8), np.int32))
    logits = places.mean(axis=(1, 2))
    np.testing.assert_allclose(found[0], np.exp(logits) / np.exp(logits).sum(), rtol=1e-5)


def valleys(ridge):
    """Two valleys beside a ridge in the middle column."""
    return np.tile(np.array([0.2, 0.1, 0, 0.1, 0.2, ridge, 0.2, 0.1, 0, 0.1, 0.2]), (40, 1)).repeat(
        4, axis=1
    )


def test_a_ridge_parts_two_basins():
    labels = basins(valleys(0.9))
    assert np.unique(labels).tolist() == [0, 1]
    assert (labels[:, :20] == labels[0, 0]).all()
    assert (labels[:, 24:] == labels[0, -1]).all()
    assert labels[0, 0] != labels[0, -1]


def test_shallow_basins_are_one():
    ripple = 0.5 + DEPTH / 3 * np.sin(np.arange(60) / 2)
    assert (basins(np.tile(ripple, (40, 1))) == 0).all()


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (7, 1), (30, 40)])
def test_what_is_flat_is_one_basin(size):
    np.testing.assert_array_equal(basins(np.full(size, 0.3)), np.zeros(size))
