"""The folded trunk of a ResNet beside the readable layers, and open_clip's."""

import pytest
import torch

from refmask.clip.kernels import resnet as kernel
from refmask.clip.kernels.resnet import Trunk


@pytest.fixture
def visual(resnets):
    return resnets[0]


def relative(ours, theirs):
    return ((ours - theirs).norm() / theirs.norm()).item()


def drawn(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("shape", [(3, 3, 96, 96), (1, 3, 64, 160), (1, 3, 77, 101)])
@torch.inference_mode()
def test_the_trunk_is_open_clips(resnets, shape):
    visual, theirs = resnets
    own = theirs.stem(drawn(*shape))
    for layer in (theirs.layer1, theirs.layer2, theirs.layer3, theirs.layer4):
        own = layer(own)
    readable, fast = visual.features(drawn(*shape)), Trunk(visual, torch.float32)(drawn(*shape))
    assert readable.shape == fast.shape == own.shape
    assert relative(readable, own) < 1e-6
    assert relative(fast, own) < 1e-5


@torch.inference_mode()
def test_bf16_stays_near_fp32(visual):
    theirs = visual.features(drawn(3, 3, 96, 96))
    ours = Trunk(visual, torch.bfloat16)(drawn(3, 3, 96, 96))
    assert ours.dtype == torch.float32
    assert 1e-4 < relative(ours, theirs) < 2e-2


@torch.inference_mode()
def test_weights_and_pixels_are_left_alone(visual):
    weights = {name: value.clone() for name, value in visual.state_dict().items()}
    pixels = drawn(2, 3, 96, 96)
    for precision in (torch.float32, torch.bfloat16):
        Trunk(visual, precision)(pixels)
    assert pixels.equal(drawn(2, 3, 96, 96))
    assert weights.keys() == visual.state_dict().keys()
    assert all(weights[name].equal(value) for name, value in visual.state_dict().items())


@pytest.mark.parametrize(("maps", "parts"), [(5, [5]), (2.5, [2, 2, 1]), (0.1, [1] * 5)])
@torch.inference_mode()
def test_images_go_through_in_parts(visual, monkeypatch, maps, parts):
    whole = Trunk(visual, torch.float32)(drawn(5, 3, 96, 96))
    seen, run = [], Trunk._run
    monkeypatch.setattr(Trunk, "_run", lambda self, some: seen.append(len(some)) or run(self, some))
    # The largest maps are the stem's last: 16 channels, half the side.
    monkeypatch.setattr(kernel, "BYTES", int(maps * 16 * 48 * 48 * 4))
    parted = Trunk(visual, torch.float32)(drawn(5, 3, 96, 96))
    assert torch.allclose(parted, whole, atol=1e-4)
    assert seen == parts


@torch.inference_mode()
def test_no_images_give_no_maps(visual):
    assert Trunk(visual, torch.float32)(drawn(0, 3, 96, 96)).shape == (0, 512, 3, 3)
