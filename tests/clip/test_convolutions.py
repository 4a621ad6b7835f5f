"""The folded trunk of a ResNet beside open_clip's own layers."""

import pytest
import torch

from refmask.clip import convolutions
from refmask.clip.convolutions import Trunk


def own(visual, pixels):
    """The feature map by open_clip's layers."""
    maps = visual.stem(pixels)
    for layer in (visual.layer1, visual.layer2, visual.layer3, visual.layer4):
        maps = layer(maps)
    return maps


def relative(ours, theirs):
    return ((ours - theirs).norm() / theirs.norm()).item()


def drawn(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("shape", [(3, 3, 96, 96), (1, 3, 64, 160), (1, 3, 77, 101)])
@torch.inference_mode()
def test_the_trunk_is_open_clips(visual, shape):
    theirs = own(visual, drawn(*shape))
    ours = Trunk(visual, torch.float32)(drawn(*shape))
    assert ours.shape == theirs.shape
    assert relative(ours, theirs) < 1e-5


@torch.inference_mode()
def test_bf16_stays_near_fp32(visual):
    theirs = own(visual, drawn(3, 3, 96, 96))
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
def test_pictures_go_through_in_parts(visual, monkeypatch, maps, parts):
    whole = Trunk(visual, torch.float32)(drawn(5, 3, 96, 96))
    seen, run = [], Trunk._run
    monkeypatch.setattr(Trunk, "_run", lambda self, some: seen.append(len(some)) or run(self, some))
    # The largest maps are the stem's last: 16 channels, half the side.
    monkeypatch.setattr(convolutions, "BYTES", int(maps * 16 * 48 * 48 * 4))
    parted = Trunk(visual, torch.float32)(drawn(5, 3, 96, 96))
    assert torch.allclose(parted, whole, atol=1e-4)
    assert seen == parts


@torch.inference_mode()
def test_no_pictures_give_no_maps(visual):
    assert Trunk(visual, torch.float32)(drawn(0, 3, 96, 96)).shape == (0, 512, 3, 3)
