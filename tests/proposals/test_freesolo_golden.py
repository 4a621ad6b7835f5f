"""FreeSOLO against the reference's arrays (tests/golden/freesolo), in fp32."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from refmask.ops.pixels import resize_shorter_side
from refmask.proposals.freesolo import FreeSolo
from refmask.proposals.freesolo.decode import peaks
from refmask.proposals.freesolo.heads import Cells, level_inputs
from refmask.proposals.freesolo.network import network_input

FOLDER = Path(__file__).parent.parent / "golden" / "freesolo"
#: What the recipe's cate_pred.bias is, and what it is in the dense case.
BIAS, DENSE_BIAS = (-5.0, -6.2), (-1.0, -3.0)


@pytest.fixture(scope="module")
def loaded(freesolo_checkpoint):
    return FreeSolo(str(freesolo_checkpoint), precision="fp32")


@pytest.fixture(scope="module", params=["a1_427x640_small", "a1_427x640"])
def case(request, loaded):
    """One image looked at once, with everything on the way."""
    golden = dict(np.load(FOLDER / f"{request.param}.npz"))
    image = np.array(Image.open(FOLDER / "a1_427x640.png").convert("RGB"))
    short = int(golden.get("short_edge", 800))
    small = resize_shorter_side(image, short, 1333)
    pixels = network_input(small)
    seen = {}
    network = loaded._network
    backbone = network.backbone
    hooks = [
        backbone.bottom_up.register_forward_hook(lambda *a: seen.update(stages=list(a[2]))),
        backbone.register_forward_hook(lambda *a: seen.update(pyramid=a[2])),
    ]
    with torch.inference_mode():
        levels, features = network(pixels)
    for hook in hooks:
        hook.remove()
    return SimpleNamespace(
        golden=golden,
        image=image,
        small=small,
        short=short,
        pixels=pixels,
        levels=levels,
        features=features,
        checkpoint=loaded.weights,
        **seen,
    )


def assert_same_sums(tensor, expected):
    """The sum of absolute values, within 1e-5 of it."""
    total = float(tensor.double().abs().sum())
    assert total == pytest.approx(expected[1], rel=1e-5)
    assert float(tensor.double().sum()) == pytest.approx(expected[0], abs=1e-5 * expected[1])


def assert_same_map(tensor, golden, name):
    assert tensor.shape == tuple(golden[f"{name}_shape"])
    assert_same_sums(tensor, golden[f"{name}_stats"])
    chosen = (
        np.linspace(0, side - 1, n).astype(int)
        for side, n in zip(tensor.shape[1:], (8, 6, 6), strict=True)
    )
    np.testing.assert_allclose(
        tensor[0].numpy()[np.ix_(*chosen)], golden[f"{name}_slice"], atol=2e-4
    )


def test_the_recipe_fills_the_reference_weights(freesolo_recipe):
    digest = hashlib.sha256()
    for name in sorted(freesolo_recipe):
        digest.update(name.encode() + freesolo_recipe[name].numpy().tobytes())
    told = json.loads((FOLDER / "meta.json").read_text())
    assert digest.hexdigest() == told["state_digest_sha256"]


def test_the_input(case):
    golden = case.golden
    assert case.small.shape == tuple(golden["resized_shape"])
    np.testing.assert_array_equal(case.small[:8, :8], golden["resized_corner"])
    assert case.pixels.shape == tuple(golden["input_shape"])
    assert_same_sums(case.pixels, golden["input_stats"])
    window = case.pixels[0, :, 100:108, 200:208].numpy()
    np.testing.assert_allclose(window, golden["input_slice"], atol=2e-4)


def test_the_trunk_and_the_pyramid(case):
    for level, stage in enumerate(case.stages, start=2):
        assert_same_map(stage, case.golden, f"res{level}")
    for level, output in enumerate(case.pyramid, start=2):
        assert_same_map(output, case.golden, f"p{level}")


def test_the_instance_head(case):
    golden = case.golden
    for level, x in enumerate(level_inputs(case.pyramid)):
        assert x.shape == tuple(golden[f"head_input{level}_shape"])
        assert_same_sums(x, golden[f"head_input{level}_stats"])
    for level, (logits, kernels) in enumerate(case.levels):
        np.testing.assert_allclose(logits, golden[f"cate{level}_logits"], atol=5e-4)
        found, expected = peaks(logits).numpy(), golden[f"cate{level}_peaks"]
        np.testing.assert_array_equal(found > 0, expected > 0)
        np.testing.assert_allclose(found, expected, atol=5e-4)
        assert_same_sums(kernels, golden[f"kernel{level}_stats"])
        np.testing.assert_allclose(kernels.norm(dim=0), golden[f"kernel{level}_norm"], atol=5e-4)
        row = kernels[:, kernels.shape[1] // 2]
        np.testing.assert_allclose(row, golden[f"kernel{level}_row"], atol=1e-3)


def test_the_mask_features(case):
    features, golden = case.features, case.golden
    assert_same_map(features, golden, "maskfeat")
    channels = features[0].flatten(1)
    np.testing.assert_allclose(channels.mean(1), golden["maskfeat_channel_mean"], atol=2e-4)
    np.testing.assert_allclose(channels.std(1), golden["maskfeat_channel_std"], atol=2e-4)


@pytest.mark.parametrize("prefix", ["", "dense_"])
def test_the_proposals(case, prefix):
    shift = torch.tensor(DENSE_BIAS if prefix else BIAS) - torch.tensor(BIAS)
    levels = [Cells(logits + shift[:, None, None], kernels) for logits, kernels in case.levels]
    proposer = FreeSolo(case.checkpoint, short_edge=case.short, precision="fp32")
    # What the network said is known already; the dense case differs by a bias alone.
    vars(proposer)["_network"] = lambda _: (levels, case.features)
    found = proposer.propose(case.image)
    told = {name: case.golden[prefix + name] for name in ("cells", "scores", "boxes", "counts")}
    told |= {name: case.golden[prefix + name] for name in ("category_scores", "maskness")}
    count, height, width = case.golden[f"{prefix}masks_shape"]
    bits = np.unpackbits(case.golden[f"{prefix}masks_packed"], axis=1)[:, : height * width]
    masks = bits.reshape(count, height, width).astype(bool)

    assert sum(int((peaks(cells.logits) > 0.1).sum()) for cells in levels) == told["counts"][0]
    places = {tuple(cell): place for place, cell in enumerate(told["cells"])}
    ours = [row for row, cell in enumerate(found.details["cells"]) if tuple(cell) in places]
    theirs = [places[tuple(found.details["cells"][row])] for row in ours]
    assert len(ours) >= 0.99 * count
    assert len(found) == count
    shared = (found.masks[ours] & masks[theirs]).sum((1, 2))
    union = (found.masks[ours] | masks[theirs]).sum((1, 2))
    assert (shared / union).min() >= 0.998
    within = 3e-3 if prefix else 5e-4
    np.testing.assert_allclose(found.quality[ours], told["scores"][theirs], atol=within)
    scores, maskness = found.details["category_scores"], found.details["maskness"]
    np.testing.assert_allclose(scores[ours], told["category_scores"][theirs], atol=5e-4)
    # One pixel more or less of a small mask is more than rounding.
    np.testing.assert_allclose(maskness[ours], told["maskness"][theirs], atol=2e-3)
    np.testing.assert_allclose(found.details["boxes"][ours], told["boxes"][theirs], atol=1.5)
