"""The ResNet towers beside open_clip's own, whose attention pool computes every query."""

import pytest
import torch

from refmask.clip.kernels import ResnetTower


@pytest.fixture
def visual(resnets):
    return resnets[0]


@pytest.fixture
def theirs(resnets):
    return resnets[1]


@pytest.fixture
def tower(visual):
    return ResnetTower(visual, torch.float32)


def relative(ours, theirs):
    return ((ours - theirs).norm() / theirs.norm()).item()


def drawn(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


def soft(count):
    return torch.rand((count, 3, 3), generator=torch.Generator().manual_seed(2))


MASKS = {
    "none": soft(0),
    "one": soft(1),
    "a hundred": soft(100),
    "sharp": soft(20).round(),
    "one place": torch.eye(9).view(9, 3, 3),
    "full": torch.ones(1, 3, 3),
}


@pytest.mark.parametrize("count", [0, 1, 5])
@torch.inference_mode()
def test_pooling_is_open_clips(tower, visual, theirs, count):
    features = drawn(count, 512, 3, 3).relu()
    pooled = tower.pool(features)
    assert pooled.shape == (count, 24)
    if count:
        assert relative(visual.attnpool(features), theirs.attnpool(features)) < 1e-6
        assert relative(pooled, theirs.attnpool(features)) < 1e-5


@torch.inference_mode()
def test_an_ordinary_feature_is_open_clips(tower, visual, theirs):
    pixels = drawn(2, 3, 96, 96)
    assert relative(visual(pixels), theirs(pixels)) < 1e-6
    assert relative(tower.encode(pixels), theirs(pixels)) < 1e-5


@pytest.mark.parametrize("unit", [False, True])
@pytest.mark.parametrize("masks", MASKS.values(), ids=MASKS.keys())
@torch.inference_mode()
def test_masking_comes_before_query_key_and_value(tower, visual, theirs, masks, unit):
    pixels = drawn(1, 3, 96, 96)
    features = tower.dense(pixels, "features")
    if unit:
        features = features / features.norm(dim=1, keepdim=True)
    found = tower.masked(pixels, unit_places=unit)(masks)
    assert found.shape == (len(masks), 24)
    for one, mask in zip(found, masks, strict=True):
        assert relative(one, theirs.attnpool(features * mask)[0]) < 1e-5
    if len(masks) and not unit:  # equation 2, as it is written for reading
        assert relative(found, visual.masked(pixels, masks)) < 1e-5


@torch.inference_mode()
def test_an_empty_mask_leaves_the_positions(tower, theirs):
    empty = torch.zeros(1, 3, 3)
    found = [tower.masked(drawn(1, 3, 96, 96) * by)(empty) for by in (1, 2)]
    assert found[0].equal(found[1])
    assert relative(found[0], theirs.attnpool(torch.zeros(1, 512, 3, 3))) < 1e-5


def test_pooling_has_open_clips_gradients(tower, visual, theirs):
    gradients = []
    for pool in (tower.pool, visual.attnpool, theirs.attnpool):
        features = drawn(3, 512, 3, 3).relu().requires_grad_()
        (pool(features) * drawn(3, 24)).sum().backward()
        gradients.append(features.grad)
    assert relative(gradients[0], gradients[2]) < 1e-5
    assert relative(gradients[1], gradients[2]) < 1e-5


@torch.inference_mode()
def test_bf16_stays_near_fp32(tower, visual):
    rough, pixels = ResnetTower(visual, torch.bfloat16), drawn(1, 3, 96, 96)
    for ask in (
        lambda tower: tower.encode(pixels),
        lambda tower: tower.masked(pixels)(soft(5)),
        lambda tower: tower.dense(pixels, "features"),
        lambda tower: tower.places(pixels),
    ):
        ours, exact = ask(rough), ask(tower)
        assert ours.dtype == torch.float32
        assert 1e-5 < relative(ours, exact) < 2e-2
