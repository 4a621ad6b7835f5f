from types import SimpleNamespace

import numpy as np
import pytest
import scipy.linalg
import torch
from scipy.ndimage import label

from refmask.errors import ConfigurationError, ImageError, WeightsUnavailable
from refmask.ops.masks import pairwise_iou
from refmask.proposals import maskcut
from refmask.proposals.maskcut import MaskCut, cuts, enlarged, refined
from refmask.proposals.maskcut.cuts import cut_out, second_eigenvector, stand_out


def things():
    """Four things of several sizes on a ground, none of them in a corner."""
    labels = np.zeros((20, 24), np.int64)
    labels[2:10, 2:9] = 1
    labels[12:18, 3:8] = 2
    labels[3:8, 14:18] = 3
    labels[13:16, 14:18] = 4
    return labels


def keys_of(labels, noise=0.05):
    """Keys (D, h, w): a direction per label, and a little noise."""
    rng = np.random.default_rng(0)
    keys = np.moveaxis(np.eye(labels.max() + 1)[labels], -1, 0)
    return (keys + rng.normal(0, noise, keys.shape)).astype(np.float32)


def graph_of(keys, tau):
    flat = keys.reshape(len(keys), -1)
    units = flat / np.maximum(np.linalg.norm(flat, axis=0), 1e-12)
    return (units.T @ units > tau).astype(float)


@pytest.mark.parametrize(("seed", "size", "tau"), [(0, 40, 0.0), (1, 90, 0.15), (2, 200, 0.4)])
@pytest.mark.parametrize("covered", [0, 9])
def test_lanczos_finds_what_the_dense_solver_finds(seed, size, tau, covered):
    keys = np.random.default_rng(seed).normal(0.2, 1, (6, size)).astype(np.float32)
    keys[:, :covered] = 0
    graph = graph_of(keys, tau)
    weights = np.where(graph > 0, 1, 1e-5)
    degrees = np.diag(weights.sum(axis=1))
    _, vectors = scipy.linalg.eigh(degrees - weights, degrees)
    ours, dense = second_eigenvector(graph), vectors[:, 1]
    cosine = ours @ dense / np.linalg.norm(ours) / np.linalg.norm(dense)
    assert abs(cosine) > 1 - 1e-9
    assert ours[np.abs(ours).argmax()] > 0


def test_things_are_cut_out_one_after_the_other():
    found = cut_out(keys_of(things()), 4, 0.3)
    assert len(found) == 4
    best = [max(range(1, 5), key=lambda k: (part & (things() == k)).sum()) for part in found]
    assert sorted(best) == [1, 2, 3, 4]
    for part, number in zip(found, best, strict=True):
        np.testing.assert_array_equal(part, things() == number)


def test_as_many_cuts_are_made_as_are_asked_for():
    few, all_ = (cut_out(keys_of(things()), count, 0.3) for count in (2, 4))
    np.testing.assert_array_equal(few, all_[:2])


def test_cutting_ends_when_nothing_is_left():
    found = cut_out(keys_of(things()), 100, 0.3)
    assert 4 <= len(found) < 10
    assert found.sum(axis=0).max() == 1


@pytest.mark.parametrize("keys", [np.ones((3, 4, 5)), np.zeros((3, 4, 5))])
def test_a_map_without_differences_is_not_cut(keys):
    assert cut_out(keys.astype(np.float32), 3, 0.15).shape == (0, 4, 5)


def test_the_ground_is_known_by_its_corners():
    vector = np.full((6, 7), 1.0)
    vector[2:4, 2:5] = -3.0
    vector[0, 0] = -1.0  # three corners are enough
    vector[5, 5] = 3.5  # the largest magnitude lies in the ground
    np.testing.assert_array_equal(np.argwhere(stand_out(vector))[[0, -1]], [[2, 2], [3, 4]])
    assert stand_out(vector).sum() == 6


def test_two_corners_do_not_make_a_ground():
    vector = np.zeros((6, 7))
    vector[:, 0] = 1.0
    np.testing.assert_array_equal(stand_out(vector), vector > 0)


def test_only_the_part_with_the_peak_is_kept():
    vector = np.zeros((6, 7))
    vector[1:3, 1:3] = 1.0
    vector[3, 3] = 1.0  # touches at a corner only
    vector[2, 2] = 2.0
    part = stand_out(vector)
    assert part.sum() == 4
    assert label(part)[1] == 1
    assert part[2, 2]


@pytest.fixture
def planned(monkeypatch):
    """Cuts of a 20 x 10 map that give these parts, whatever the keys."""

    def cut(*parts):
        left = list(parts)
        monkeypatch.setattr(cuts, "stand_out", lambda _: left.pop(0))
        keys = np.random.default_rng(0).normal(0, 1, (8, 20, 10)).astype(np.float32)
        return cut_out(keys, len(parts), 0.15), left

    return cut


def rows(start, stop):
    part = np.zeros((20, 10), np.bool_)
    part[start:stop] = True
    return part


def test_a_part_that_repeats_the_one_before_is_left_out(planned):
    found, _ = planned(rows(0, 5), rows(0, 8), rows(10, 15))
    np.testing.assert_array_equal(found, [rows(0, 5), rows(10, 15)])


def test_what_earlier_masks_cover_is_taken_off(planned):
    found, _ = planned(rows(0, 5), rows(4, 12), rows(11, 13))
    np.testing.assert_array_equal(found, [rows(0, 5), rows(5, 12), rows(12, 13)])


def test_covered_places_are_like_nothing(planned, monkeypatch):
    seen = []

    def look(graph):
        seen.append(graph.copy())
        return np.zeros(200)

    monkeypatch.setattr(cuts, "second_eigenvector", look)
    planned(rows(0, 5), rows(10, 15))
    keys = np.random.default_rng(0).normal(0, 1, (8, 20, 10)).astype(np.float32)
    np.testing.assert_array_equal(seen[0], graph_of(keys, 0.15))
    keys[:, rows(0, 5)] = 0
    np.testing.assert_array_equal(seen[1], graph_of(keys, 0.15))


def test_after_a_speck_no_further_cut_is_made(planned):
    speck = np.zeros((20, 10), np.bool_)
    speck[3, :2] = True
    found, left = planned(rows(10, 15), speck, rows(0, 5))
    assert len(found) == 1
    assert len(left) == 1
    first, _ = planned(speck)
    np.testing.assert_array_equal(first, [speck])


def disc():
    """An image of a disc, its mask, and the mask of the patches of 8 pixels half in it."""
    y, x = np.mgrid[:96, :128]
    mask = (y - 45) ** 2 + (x - 60) ** 2 < 27**2
    image = np.where(mask[..., None], np.uint8([220, 60, 40]), np.uint8([40, 90, 160]))
    patches = mask.reshape(12, 8, 16, 8).mean(axis=(1, 3)) > 0.5
    return image, mask, patches


def agreement(one, other):
    return pairwise_iou(np.stack([one, other]))[0, 1]


def test_refining_follows_the_contour_and_fills_holes():
    image, mask, patches = disc()
    blocks = enlarged(patches[None], 8, mask.shape)[0]
    assert agreement(blocks, mask) < 0.92
    patches[5, 7] = False
    found = refined(patches[None], image)
    assert found.shape == (1, 96, 128)
    assert agreement(found[0], mask) > 0.95
    assert found[0, 30:60, 45:75].all()


def test_refined_masks_stay_apart():
    image, mask, patches = disc()
    right = ~patches & (np.arange(16) >= 8)
    found = refined(np.stack([patches, right]), image)
    assert len(found) == 2
    assert not (found[0] & found[1]).any()
    assert agreement(found[1], ~mask & (np.arange(128) >= 64)) > 0.95


def test_a_mask_that_becomes_another_is_dropped():
    """Each pixel of the grey-looking patch has the very colour of a patch beside it."""
    shades = np.full((4, 4), 255, np.uint8)
    shades[1, [0, 2]] = 0
    image = np.kron(shades, np.ones((8, 8), np.uint8))
    image[8:16, 8:16] = np.indices((8, 8)).sum(axis=0) % 2 * 255
    masks = np.zeros((2, 4, 4), np.bool_)
    masks[0, 1, 1] = masks[1, 3] = True
    found = refined(masks, np.repeat(image[..., None], 3, axis=2))
    assert len(found) == 1
    assert found[0, 25:].all()


def test_without_refining_the_blocks_are_resized():
    masks = np.zeros((2, 4, 4), np.bool_)
    masks[0, 1:3, 1:3] = masks[1, 0, 0] = True
    found = enlarged(masks, 8, (40, 80))
    assert agreement(found[0], np.kron(masks[0], np.ones((10, 20), np.bool_))) > 0.95
    assert enlarged(masks, 8, (1, 1)).shape == (2, 1, 1)


class Still:
    """A backbone that sees the same keys in every image."""

    source = SimpleNamespace(stride=8)

    def encode(self, *_):
        return torch.tensor(keys_of(things()))


@pytest.mark.parametrize("refine", [True, False])
def test_masks_come_in_the_order_of_the_cuts(monkeypatch, refine):
    monkeypatch.setattr(maskcut, "find_backbone", lambda *_: Still())
    found = MaskCut(masks=4, tau=0.3, refine=refine).propose(np.zeros((100, 120, 3), np.uint8))
    np.testing.assert_allclose(found.quality, [1, 1 / 2, 1 / 3, 1 / 4])
    order = cut_out(keys_of(things()), 4, 0.3)
    for mask, part in zip(found.masks, order, strict=True):
        assert agreement(mask, np.kron(part, np.ones((5, 5), np.bool_))) > 0.9


@pytest.mark.parametrize("refine", [True, False])
def test_tiny_images_give_no_mask_twice(monkeypatch, refine):
    monkeypatch.setattr(maskcut, "find_backbone", lambda *_: Still())
    found = MaskCut(masks=4, tau=0.3, refine=refine).propose(np.zeros((1, 1, 3), np.uint8))
    assert len(found) <= 1


def test_what_the_masks_depend_on_is_told(maskcut_settings):
    told = MaskCut(**maskcut_settings).configuration()
    assert told["proposer"] == "maskcut"
    assert told["backbone"] == "timm/test_vit"
    assert (told["masks"], told["tau"], told["refine"]) == (3, 0.15, True)
    assert len(told["weights_sha256"]) == 64
    assert not {"device", "weights"} & told.keys()


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"masks": 0}, "masks is at least 1"),
        ({"tau": 1.0}, "tau from 0 to below 1"),
        ({"tau": float("nan")}, "tau from 0 to below 1"),
        ({"side": 31}, "side is from 32 to 1440 pixels for patches of 16, not 31"),
        ({"side": 2000}, "not 2000"),
    ],
)
def test_settings_out_of_range_are_refused(maskcut_settings, wrong, error):
    with pytest.raises(ConfigurationError, match=error):
        MaskCut(**maskcut_settings | wrong)


def test_a_backbone_without_keys_is_refused(model_files):
    with pytest.raises(ConfigurationError, match="whose last attention has keys"):
        MaskCut(*model_files("tiny_rn"))


def test_dinos_weights_are_asked_for_before_any_image(monkeypatch):
    monkeypatch.setattr("refmask.proposals.backbones.timm_networks.within_reach", lambda _: False)
    with pytest.raises(WeightsUnavailable, match=r"vit_small_patch8_224\.dino"):
        MaskCut()


def test_what_is_no_image_is_refused(maskcut_settings):
    with pytest.raises(ImageError, match=r"uint8 \(H, W, 3\)"):
        MaskCut(**maskcut_settings).propose(np.zeros((4, 4), np.uint8))
