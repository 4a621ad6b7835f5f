"""The paper's baselines under compat="reference" against the arrays the released code gave."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from refmask.clip.kernels import tower_of
from refmask.compat import reference
from refmask.methods import load_method
from refmask.methods.region_token import mask_patches

VITS = ("vit_b32", "tiny_vit32", "tiny_vit16")
RESNETS = ("rn50", "tiny_rn")


def error(ours, theirs):
    return np.abs(np.asarray(ours) - theirs).max() / np.abs(theirs).max()


@pytest.mark.parametrize("name", VITS)
def test_region_tokens(golden, golden_images, golden_phrases, golden_model, name):
    clip, expected = golden_model(name), golden(name)
    compat = reference("vit")
    method = load_method("region-token", clip, compat=compat)
    for k, (image, proposals) in enumerate(golden_images):
        patches = mask_patches(proposals, clip.tower.grid, sampled=compat.sampled_regions).flatten(
            1
        )
        allowed = expected[f"im{k}.region.attn_allowed"]
        assert np.array_equal(patches, allowed[:, : patches.shape[1]])
        ours = method.features(image, proposals, golden_phrases)
        assert error(ours["visual_region"], expected[f"im{k}.region.raw"]) < 5e-4
        assert error(ours["scores"], expected[f"im{k}.region.score"]) < 5e-4
        assert np.array_equal(ours["scores"].argmax(1), expected[f"im{k}.region.argmax"])


@pytest.mark.parametrize("name", VITS[1:])
def test_region_tokens_without_padding_and_rounding(golden, golden_images, golden_model, name):
    compat = replace(reference("vit"), padded_patches=False, half_positions=False)
    method = load_method("region-token", golden_model(name), compat=compat)
    for k, image in enumerate(golden_images):
        region = method.encode_image(*image).region
        assert error(region, golden(name)[f"im{k}.region_nopad.raw"]) < 5e-4


@pytest.mark.parametrize("name", RESNETS)
def test_score_map(golden, golden_images, golden_phrases, golden_model, name):
    method = load_method("score-map", golden_model(name), compat=reference("resnet"))
    _compare_score_maps(method, golden(name), "rand", golden_images, golden_phrases)


def test_score_map_with_other_biases(golden, golden_images, golden_phrases, golden_model):
    clip, compat = golden_model("tiny_rn"), replace(reference("resnet"), bias_seed=None)
    model = copy.deepcopy(clip.model)
    torch.nn.init.zeros_(model.visual.attnpool.v_proj.bias)
    torch.nn.init.zeros_(model.visual.attnpool.c_proj.bias)
    without = replace(clip, model=model, tower=tower_of(model.visual))
    for kind, one in (("attn", clip), ("zero", without)):
        method = load_method("score-map", one, compat=compat)
        _compare_score_maps(method, golden("tiny_rn"), kind, golden_images, golden_phrases)


def _compare_score_maps(method, expected, kind, images, phrases):
    for k, image in enumerate(images):
        ours = method.features(*image, phrases)
        stem = f"im{k}.scoremap_{kind}"
        assert error(ours["maps"], expected[f"{stem}.7x7"]) < 5e-4
        assert error(ours["scores"], expected[f"{stem}.mask_mean"]) < 5e-4
        assert np.array_equal(ours["scores"].argmax(1), expected[f"{stem}.argmax"])


@pytest.mark.parametrize("name", RESNETS)
def test_grad_cam(golden, golden_images, golden_phrases, golden_model, name):
    expected = golden(name)
    method = load_method("grad-cam", golden_model(name), compat=reference("resnet"))
    for k, (image, proposals) in enumerate(golden_images):
        ours, stem = method.features(image, proposals, golden_phrases), f"im{k}.gradcam"
        assert error(ours["maps"], expected[f"{stem}.7x7"]) < 5e-4
        assert error(ours["scores"], expected[f"{stem}.mask_mean"]) < 5e-4
        assert np.array_equal(ours["scores"].argmax(1), expected[f"{stem}.argmax_mean"])
        areas = proposals.masks.sum(axis=(1, 2))
        assert error(ours["scores"] * areas, expected[f"{stem}.mask_sum"]) < 5e-4
