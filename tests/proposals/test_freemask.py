from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.nn import functional

from refmask.errors import ConfigurationError, ImageError
from refmask.ops.masks import pairwise_iou
from refmask.proposals import freemask
from refmask.proposals.freemask import FreeMask, alike


def map_of(labels):
    """A map (D, h, w) with one direction per label, of several lengths."""
    labels = torch.tensor(labels)
    lengths = 1 + torch.rand(labels.shape, generator=torch.Generator().manual_seed(0))
    return functional.one_hot(labels).permute(2, 0, 1) * lengths


def blobs():
    """Three figures on a ground: high, low, and across the whole width."""
    labels = np.zeros((20, 30), np.int64)
    labels[1:5, 3:9] = 1
    labels[9:14, 5:12] = 2
    labels[16:19] = 3
    return labels


def reference(features, floor, limit):
    """Section by section of the method, place by place."""
    depth, height, width = features.shape
    keys = features.reshape(depth, -1)
    keys = keys / np.linalg.norm(keys, axis=0)
    found = []
    for scale in (1.0, 0.5, 0.25):
        size = (int(height * scale), int(width * scale))
        small = functional.interpolate(torch.tensor(features)[None], size, mode="bilinear")
        for query in small.numpy().reshape(depth, -1).T:
            soft = query / np.linalg.norm(query) @ keys
            soft = soft - soft.min()
            soft = soft / soft.max()
            inside = soft >= 0.5
            if inside.sum() > 1:
                found.append((soft[inside].mean(), inside, soft))
    found.sort(key=lambda one: -one[0])
    iou = pairwise_iou(np.stack([inside for _, inside, _ in found]))
    decayed = []
    for j, (score, _, soft) in enumerate(found):
        decay = 1.0
        for i in range(j):
            worst = max((iou[k, i] for k in range(i)), default=0.0)
            decay = min(decay, np.exp(-2 * iou[i, j] ** 2) / np.exp(-2 * worst**2))
        decayed.append((score * decay, soft.reshape(height, width)))
    decayed.sort(key=lambda one: -one[0])
    return [one for one in decayed[:limit] if one[0] >= floor]


def test_each_thing_of_one_kind_of_features_is_found_once():
    soft, quality = alike(map_of(blobs()), 0.7, 20)
    found = {np.packbits(one >= 0.5).tobytes() for one in soft.numpy()}
    assert found == {np.packbits(blobs() == label).tobytes() for label in range(4)}
    np.testing.assert_allclose(quality, 1, atol=1e-6)


@pytest.mark.parametrize(("floor", "limit"), [(0.3, 5), (0.3, 100), (0.5, 100)])
def test_masks_and_qualities_are_those_of_the_method(floor, limit):
    noise = torch.randn((1, 6, 4, 5), generator=torch.Generator().manual_seed(1))
    features = functional.interpolate(noise, (9, 13), mode="bicubic")[0] + 0.3
    expected = reference(features.numpy(), floor, limit)
    soft, quality = alike(features, floor, limit)
    assert len(expected) > 2
    np.testing.assert_allclose(quality, [score for score, _ in expected], atol=1e-5)
    np.testing.assert_allclose(soft, [one for _, one in expected], atol=1e-5)


def test_how_many_are_answered_at_a_time_changes_nothing(monkeypatch):
    features = torch.randn((6, 12, 11), generator=torch.Generator().manual_seed(2))
    soft, quality = alike(features, 0.1, 50)
    monkeypatch.setattr(freemask, "CHUNK", 7)
    other, others_quality = alike(features, 0.1, 50)
    assert torch.allclose(soft, other, atol=1e-6)
    np.testing.assert_allclose(quality, others_quality, atol=1e-6)


def test_a_single_place_is_no_thing():
    labels = blobs()
    labels[7, 20] = 4
    soft, _ = alike(map_of(labels), 0.7, 20)
    assert len(soft) == 4
    assert ((soft >= 0.5).sum(dim=(1, 2)) > 1).all()


@pytest.mark.parametrize("noise", [0, 1e-6])
def test_a_map_without_differences_but_rounding_gives_nothing(noise):
    generator = torch.Generator().manual_seed(0)
    features = torch.rand((8, 1, 1), generator=generator) + noise * torch.rand(
        (8, 5, 6), generator=generator
    )
    soft, quality = alike(features, 0.0, 20)
    assert soft.shape == (0, 5, 6)
    assert quality.shape == (0,)


class Still:
    """A backbone that sees the same map in every image."""

    source = SimpleNamespace(stride=16)

    def encode(self, *_):
        return map_of(blobs())


@pytest.fixture
def still(monkeypatch):
    monkeypatch.setattr(freemask, "find_backbone", lambda *_: Still())
    return lambda **settings: FreeMask(**settings).propose(np.zeros((80, 120, 3), np.uint8))


def like(found, label):
    """IoU of each mask with a blob at the image's size."""
    target = np.kron(blobs() == label, np.ones((4, 4), np.bool_))
    return pairwise_iou(np.concatenate([target[None], found.masks]))[0, 1:]


def test_things_near_the_top_or_across_the_image_are_left_out(still):
    found = still()
    assert len(found) == 1
    assert like(found, 2)[0] > 0.95


@pytest.mark.parametrize(
    ("settings", "labels"),
    [
        ({"min_centre": 0.1}, [1, 2]),
        ({"max_width": 1.0, "min_centre": 0.9}, []),
        ({"max_width": 1.0, "min_centre": 0.8}, []),
        ({"min_centre": 0.0, "limit": 4}, [1, 2]),
    ],
)
def test_what_is_left_out_can_be_set(still, settings, labels):
    found = still(**settings)
    assert len(found) == len(labels)
    assert all(like(found, label).max() > 0.9 for label in labels)


def test_masks_come_with_the_boxes_of_the_method(still):
    found = still()
    x1, y1, x2, y2 = found.boxes[0]
    np.testing.assert_allclose(found.details["boxes"][0], [x1 - 0.5, y1 - 0.5, x2 - 0.5, y2 - 0.5])


def test_no_mask_is_given_twice(still):
    found = still(floor=0.0, min_centre=0.0, limit=100)
    assert len(found) > 1
    assert len(np.unique(found.masks.reshape(len(found), -1), axis=0)) == len(found)


def test_what_the_masks_depend_on_is_told(model_files):
    model, weights = model_files("tiny_rn")
    one = FreeMask(model, weights, device="cpu", precision="fp32").configuration()
    assert one["proposer"] == "freemask"
    assert one["backbone"] == "tiny_rn.json"
    assert (one["maps"], one["floor"], one["precision"]) == ("features", 0.7, "fp32")
    assert not {"device", "weights"} & one.keys()
    assert FreeMask(precision="fp32").configuration()["weights_sha256"] != one["weights_sha256"]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"limit": 0}, "limit are at least 1"),
        ({"floor": 1.1}, "from 0 to 1"),
        ({"min_centre": float("nan")}, "from 0 to 1"),
        ({"short_edge": 0}, "short_edge"),
        ({"short_edge": 1600, "long_edge": 2666}, "at most 8192 are.*lower short_edge"),
        ({"maps": "values"}, "'features' or 'keys'"),
        ({"precision": "fp8"}, "fp8"),
    ],
)
def test_settings_out_of_range_are_refused(wrong, told):
    with pytest.raises(ConfigurationError, match=told):
        FreeMask(**wrong)


def test_what_is_no_image_is_refused():
    with pytest.raises(ImageError, match=r"uint8 \(H, W, 3\)"):
        FreeMask().propose(np.zeros((0, 4, 3), np.uint8))
