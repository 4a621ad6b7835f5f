"""FreeSOLO's settings, weights, sizes and painting; its numbers are in test_freesolo_golden."""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from refmask.errors import ConfigurationError, ImageError, WeightsError, WeightsUnavailable
from refmask.ops.pixels import resize_shorter_side
from refmask.proposals import freesolo, load_proposer
from refmask.proposals.freesolo import FreeSolo
from refmask.proposals.freesolo.decode import Candidates, Chosen, choose, peaks
from refmask.proposals.freesolo.network import network_input
from refmask.proposals.freesolo.upsample import TILE, paint


@pytest.fixture(scope="module")
def small(freesolo_settings):
    """One proposer for all tests, at a small size."""
    return FreeSolo(**freesolo_settings, precision="fp32")


def plain(height, width):
    return np.full((height, width, 3), 128, np.uint8)


# Settings


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"short_edge": 0}, "short_edge is at least 1.*not 0 and"),
        ({"short_edge": 900, "long_edge": 800}, "not 900 and 800"),
        ({"score_threshold": 1.5}, "score_threshold is from 0 to 1, not 1.5"),
        ({"update_threshold": float("nan")}, "update_threshold is from 0 to 1, not nan"),
        ({"limit": 0}, "limit is from 1 to 500, not 0"),
        ({"precision": "fp8"}, "fp8"),
        ({"device": "abacus"}, "abacus"),
    ],
)
def test_bad_settings_are_told_at_once(freesolo_checkpoint, settings, message):
    with pytest.raises(ConfigurationError, match=message):
        FreeSolo(str(freesolo_checkpoint), **settings)


def test_settings_come_from_text(freesolo_checkpoint):
    spec = f"freesolo:weights={freesolo_checkpoint},short_edge=96,uncapped=yes,limit=7"
    proposer = load_proposer(spec, defaults={"precision": "fp32", "uncapped": False})
    assert proposer == FreeSolo(
        str(freesolo_checkpoint), short_edge=96, uncapped=True, limit=7, precision="fp32"
    )


def test_the_configuration_names_weights_by_content_and_builds_no_network(freesolo_checkpoint):
    proposer = FreeSolo(str(freesolo_checkpoint), precision="bf16", limit=9)
    told = proposer.configuration()
    assert told["weights"] == hashlib.sha256(freesolo_checkpoint.read_bytes()).hexdigest()
    assert (told["precision"], told["limit"], told["uncapped"]) == ("bf16", 9, False)
    assert "device" not in told
    assert "_network" not in vars(proposer)


# Weights


def test_missing_weights_are_told_before_any_image(monkeypatch):
    with pytest.raises(WeightsError, match=r"nowhere\.pth"):
        FreeSolo("nowhere.pth")

    def unreachable(name):
        raise WeightsUnavailable(f"no {name}")

    monkeypatch.setattr(freesolo, "fetch", unreachable)
    with pytest.raises(WeightsUnavailable, match="no freesolo"):
        FreeSolo()


def test_the_released_weights_are_fetched_by_default(monkeypatch, freesolo_checkpoint):
    monkeypatch.setattr(freesolo, "fetch", lambda name: {"freesolo": freesolo_checkpoint}[name])
    assert FreeSolo()._path == freesolo_checkpoint


class Trap:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def write(kind, path, recipe, checkpoint):
    if kind == "another network":
        torch.save({"model": {"conv.weight": torch.zeros(3, 3)}}, path)
    elif kind == "another width":
        torch.save({**recipe, "ins_head.cate_pred.weight": torch.zeros(80, 512, 3, 3)}, path)
    elif kind == "one is missing":
        torch.save({k: v for k, v in recipe.items() if k != "backbone.fpn_output3.bias"}, path)
    elif kind == "truncated":
        path.write_bytes(checkpoint.read_bytes()[:1_000_000])
    elif kind == "NaN":
        name = "mask_head.conv_pred.1.bias"
        torch.save({**recipe, name: torch.full_like(recipe[name], torch.nan)}, path)
    elif kind == "a program":
        torch.save({"model": {"_iter": torch.ones(1)}, "hook": Trap(path.with_name("ran"))}, path)
    elif kind == "a bare pickle":
        path.write_bytes(pickle.dumps(Trap(path.with_name("ran")), protocol=2))


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("another network", "do not fit the model: 588 missing .* 1 of another model"),
        ("another width", "1 of another shape"),
        ("one is missing", r"1 missing \(such as backbone\.fpn_output3\.bias\)"),
        ("truncated", "damaged"),
        ("NaN", r"NaN or infinity in mask_head\.conv_pred\.1\.bias"),
        ("a program", "more than tensors"),
        ("a bare pickle", "more than tensors"),
    ],
)
def test_weights_that_cannot_be_used(tmp_path, freesolo_recipe, freesolo_checkpoint, kind, message):
    path = tmp_path / "weights.pth"
    write(kind, path, freesolo_recipe, freesolo_checkpoint)
    proposer = FreeSolo(str(path))
    with pytest.raises(WeightsError, match=message) as caught:
        proposer.propose(plain(40, 40))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "ran").exists()
    path.unlink()


def test_prefixes_and_what_only_training_needs_do_not_matter(tmp_path, freesolo_recipe, small):
    unneeded = {"_iter", "ins_head.emb_pred.weight", "ins_head.emb_pred.bias"}
    bare = {f"module.{k}": v for k, v in freesolo_recipe.items() if k not in unneeded}
    torch.save(bare, tmp_path / "bare.pth")
    proposer = FreeSolo(str(tmp_path / "bare.pth"), precision="fp32")
    ours, theirs = proposer._network.state_dict(), small._network.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


# Sizes


@pytest.mark.parametrize(
    ("size", "capped", "uncapped"),
    [
        ((480, 640), (800, 1067), (800, 1066)),
        ((300, 720), (555, 1333), (800, 1920)),
        ((640, 427), (1199, 800), (1199, 800)),
        ((1, 1), (800, 800), (800, 800)),
        ((20, 400), (67, 1333), (800, 16000)),
    ],
)
def test_the_size_the_network_reads(size, capped, uncapped):
    assert resize_shorter_side(plain(*size), 800, 1333).shape[:2] == capped
    assert resize_shorter_side(plain(*size), 800, None).shape[:2] == uncapped


def test_padding_is_zero_after_normalisation():
    pixels = network_input(plain(33, 60))
    assert pixels.shape == (1, 3, 64, 64)
    assert (pixels[..., 33:, :] == 0).all()
    assert (pixels[..., 60:] == 0).all()
    assert (pixels[..., :33, :60] != 0).all()


def test_an_image_that_would_grow_beyond_measure(freesolo_checkpoint):
    proposer = FreeSolo(str(freesolo_checkpoint), uncapped=True)
    with pytest.raises(ImageError, match=r"1x200000 image.*128000000000 pixels"):
        proposer.propose(plain(200_000, 1))


@pytest.mark.parametrize("image", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3))])
def test_what_is_no_image(small, image):
    with pytest.raises(ImageError, match=r"uint8 \(H, W, 3\)"):
        small.propose(image)


def test_long_and_tiny_images(small, noise):
    for image in (noise[:20, :30], np.tile(noise[:10, :50], (1, 4, 1))):
        found = small.propose(image)
        assert found.size == image.shape[:2]
        assert len(found)
        assert found.masks.any(axis=(1, 2)).all()


def test_the_limits(freesolo_settings, small, noise):
    with torch.inference_mode():
        said = small._network(network_input(resize_shorter_side(noise, 96, 400)))
    everything, few, none = (
        FreeSolo(**freesolo_settings, precision="fp32", **limits)
        for limits in ({}, {"limit": 5, "update_threshold": 0.1}, {"score_threshold": 1.0})
    )
    for proposer in (everything, few, none):
        vars(proposer)["_network"] = lambda _: said
    everything = everything.propose(noise)
    found = few.propose(noise)
    count = min(5, int((everything.quality >= 0.1).sum()))
    assert len(found) == count
    np.testing.assert_array_equal(found.masks, everything.masks[:count])
    assert len(none.propose(noise)) == 0


# Decoding


def test_a_peak_has_no_larger_neighbour_above_or_to_the_left():
    logits = torch.tensor([[[3.0, 2.0, 4.0], [1.0, 2.5, 0.0], [5.0, 5.0, 6.0]]])
    kept = peaks(logits)[0] > 0
    assert kept.tolist() == [[True, False, True], [False, False, False], [True, True, True]]


def test_masks_must_be_larger_than_the_stride_of_their_level():
    # Feature k is 1 at the first 9 + k places of 20, so that mask k covers 9 + k of them.
    places = torch.arange(20)[:, None] < torch.tensor([8, 9, 17])
    features = functional.pad(places * 2.0 - 1, (0, 253))
    cells = torch.tensor([[0, 1, 1, 0], [1, 2, 2, 0], [2, 3, 3, 0]])
    kernels = torch.eye(3, 256) * 9
    chosen = choose(Candidates(cells, torch.full((3,), 0.9), kernels), features, 0.05, 100)
    assert sorted(chosen.cells[:, 0].tolist()) == [1, 2]
    assert isinstance(chosen, Chosen)
    torch.testing.assert_close(chosen.maskness, torch.full((2,), 9.0).sigmoid())


@pytest.mark.parametrize(
    ("features", "resized_size", "original"),
    [
        ((40, 64), (160, 240), (427, 640)),
        ((24, 16), (90, 37), (TILE + 1, 19)),
        ((8, 336), (1, 1333), (1, 700)),
        ((8, 8), (20, 20), (1, 1)),
    ],
)
def test_painting_equals_two_resizes(features, resized_size, original):
    random = torch.Generator().manual_seed(0)
    coarse = torch.rand(3, 1, 5, 5, generator=random)
    soft = functional.interpolate(coarse, features, mode="bicubic").clamp(0, 1)[:, 0]
    soft[2] *= 0.4
    factor = max(-(-side // n) for side, n in zip(resized_size, features, strict=True))
    large = functional.interpolate(soft[None], scale_factor=factor, mode="bilinear")
    kept = large[:, :, : resized_size[0], : resized_size[1]]
    expected = functional.interpolate(kept, original, mode="bilinear")[0]
    sure = (expected - 0.5).abs() > 1e-5
    masks = torch.from_numpy(paint(soft, resized_size, original))
    assert masks.shape == expected.shape
    assert torch.equal(masks[sure], (expected > 0.5)[sure])
    assert sure.float().mean() > 0.99
    assert not masks[2].any()
