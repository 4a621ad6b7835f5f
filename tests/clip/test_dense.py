"""Feature maps of the image towers, beside what the towers answer themselves."""

import json
from pathlib import Path

import open_clip
import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional

from refmask import ConfigurationError

#: The golden weights amplify rounding: open_clip itself is up to 4e-4 off in float32.
ROUNDING = 5e-4


@pytest.fixture(scope="module")
def pixels():
    return torch.randn((1, 3, 224, 224), generator=torch.Generator().manual_seed(0))


@torch.inference_mode()
def dense(clip, pixels, kind="features"):
    return clip.tower.dense(pixels, kind)


@pytest.mark.parametrize("name", ["tiny_vit32", "tiny_vit16"])
def test_patch_tokens_are_open_clips_own(golden_model, model_files, pixels, name, error):
    clip, (model, weights) = golden_model(name), model_files(name)
    theirs = open_clip.CLIP(**json.loads(Path(model).read_text())).eval()
    theirs.load_state_dict(load_file(weights))
    own = theirs.visual.forward_intermediates(
        pixels, indices=1, normalize_intermediates=True, intermediates_only=True
    )
    assert error(dense(clip, pixels), own["image_intermediates"][0]) < ROUNDING


def test_keys_are_those_the_last_attention_reads(golden_model, pixels, error):
    """Attention computed from our keys gives the block's own, so they are its keys."""
    clip = golden_model("tiny_vit32")
    last = clip.model.visual.transformer.resblocks[-1]
    seen = []
    hook = last.attn.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    with torch.inference_mode():
        clip.model.encode_image(pixels)
    hook.remove()
    tokens = seen[0][0]  # (1 + h*w, width), what queries, keys and values are computed from
    heads, width = last.attn.heads, tokens.shape[1]
    query, key, value = functional.linear(
        tokens, last.attn.in_proj_weight, last.attn.in_proj_bias
    ).chunk(3, dim=1)
    ours = dense(clip, pixels, "keys")
    assert ours.shape == (1, width, 7, 7)
    key = torch.cat([key[:1], ours[0].flatten(1).T])
    split = [part.unflatten(1, (heads, -1)).transpose(0, 1) for part in (query, key, value)]
    mixed = functional.scaled_dot_product_attention(*split).transpose(0, 1).flatten(1)
    assert error(last.attn.out_proj(mixed), last.attn(tokens[None])[0]) < ROUNDING


def test_pooling_a_resnets_map_gives_its_answer(golden_model, pixels, error):
    clip = golden_model("tiny_rn")
    pooled = clip.model.visual.attnpool(dense(clip, pixels))
    assert error(pooled, clip.encode_image(pixels)) < ROUNDING


@pytest.mark.parametrize("name", ["tiny_vit32", "tiny_rn"])
def test_maps_of_any_size_follow_the_image(golden_model, name, error):
    clip = golden_model(name)
    wide = torch.randn((1, 3, 96, 320), generator=torch.Generator().manual_seed(1))
    found = dense(clip, wide)
    assert found.shape[2:] == (3, 10)
    assert found.isfinite().all()
    mirrored = dense(clip, wide.flip(3))
    assert error(mirrored, found) > 1e-2


def test_positions_are_stretched_over_another_grid(golden_model):
    """Of an empty image, places at the same share of the side look alike at any size."""
    clip = golden_model("tiny_vit32")
    small, large = (dense(clip, torch.zeros(1, 3, side, side)) for side in (224, 672))
    centre = large[:, :, 1::3, 1::3]
    alike = functional.cosine_similarity(small, centre).mean()
    turned = functional.cosine_similarity(small, centre.flip(2, 3)).mean()
    assert alike > turned + 0.1


def test_a_resnet_has_no_keys(golden_model, pixels):
    with pytest.raises(ConfigurationError, match=r"'keys'.*vision transformer"):
        dense(golden_model("tiny_rn"), pixels, "keys")
