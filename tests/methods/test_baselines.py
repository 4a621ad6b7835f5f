"""The paper's baselines by what must hold of them, and each quirk by itself."""

import copy
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from refmask import ConfigurationError, load_clip
from refmask.clip.kernels import tower_of
from refmask.clip.kernels.blocks import FastBlock
from refmask.compat import Compat, reference
from refmask.methods import load_method
from refmask.methods.region_token import mask_patches
from refmask.ops.pixels import Preprocessing, whole_image
from refmask.types import MaskProposals


@pytest.fixture(scope="module")
def pixels():
    return torch.randn((1, 3, 224, 224), generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def regions():
    return torch.rand((40, 7, 7), generator=torch.Generator().manual_seed(1)) < 0.3


def rebuilt(clip, change):
    """A copy of a model, changed."""
    model = copy.deepcopy(clip.model)
    change(model)
    return replace(clip, model=model, tower=tower_of(model.visual))


def run(name, clip, image, phrases, **quirks):
    method = load_method(name, clip, compat=replace(Compat(), **quirks))
    return method.features(*image, phrases)


# --- region token ---


@pytest.mark.parametrize("name", ["tiny_vit32", "tiny_vit16"])
def test_a_region_of_all_patches_is_the_class_token(golden_model, pixels, name):
    clip = golden_model(name)
    whole = torch.ones((2, *clip.tower.grid), dtype=torch.bool)
    answer = clip.encode_image(pixels).expand(2, -1)
    # These random weights amplify rounding.
    assert torch.allclose(clip.encode_regions(pixels, whole), answer, atol=1e-3)


def test_a_mask_of_all_pixels_is_the_image(golden_model, noise):
    clip = golden_model("tiny_vit32")
    found = load_method("region-token", clip).encode_image(
        noise, MaskProposals(np.ones((1, 60, 80), bool))
    )
    square = whole_image(noise, Preprocessing(**asdict(clip.statistics)))
    expected = functional.normalize(clip.encode_image(square), dim=1)
    assert np.allclose(found.region, expected, atol=1e-3)


def test_regions_do_not_see_each_other(golden_model, pixels, regions):
    clip = golden_model("tiny_vit32")
    together = clip.encode_regions(pixels, regions)
    alone = torch.cat([clip.encode_regions(pixels, region[None]) for region in regions[[0, 39]]])
    assert torch.allclose(together[[0, 39]], alone, atol=1e-3)
    assert clip.encode_regions(pixels, regions[:0]).shape == (0, 64)


def test_a_region_sees_its_own_patches_only(golden_model, pixels, regions):
    """In a tower of one block, patches have not yet told each other anything."""
    clip = rebuilt(
        golden_model("tiny_vit32"),
        lambda model: model.visual.transformer.resblocks.__delitem__(slice(1, None)),
    )
    region = regions[:1]
    outside = (~region).repeat_interleave(32, 1).repeat_interleave(32, 2)[:, None]
    one, other = (clip.encode_regions(p, region) for p in (pixels, pixels * ~outside))
    assert torch.allclose(one, other, atol=1e-4)
    changed = clip.encode_regions(pixels * outside, region)
    assert not torch.allclose(one, changed, atol=1e-2)


def test_a_mask_too_small_for_a_sample_still_sees_the_image(golden_images, golden_model):
    clip = golden_model("tiny_vit32")
    image, proposals = golden_images[0]
    tiny = proposals[4]
    assert mask_patches(tiny, (7, 7)).any()
    assert not mask_patches(tiny, (7, 7), sampled=True).any()
    for compat, told_apart in ((Compat(), True), (Compat(sampled_regions=True), False)):
        method = load_method("region-token", clip, compat=compat)
        images = (image, image[::-1].copy())
        one, other = (method.encode_image(image, tiny).region for image in images)
        assert np.allclose(one, other, atol=1e-3) is not told_apart


def test_every_touched_patch_belongs_to_a_mask():
    masks = np.zeros((1, 70, 70), np.bool_)
    masks[0, 9:11, 25] = True
    expected = torch.zeros((1, 7, 7), dtype=torch.bool)
    expected[0, :2, 2] = True
    assert mask_patches(MaskProposals(masks), (7, 7)).equal(expected)


@pytest.mark.parametrize(("name", "by"), [("tiny_vit32", 15), ("tiny_vit16", 7)])
def test_padding_shifts_the_image(golden_model, pixels, name, by):
    clip = golden_model(name)
    whole = torch.ones((1, *clip.tower.grid), dtype=torch.bool)
    shifted = functional.pad(pixels, (by, 0, by, 0))[:, :, :224, :224]
    padded = clip.encode_regions(pixels, whole, padded_patches=True)
    assert torch.allclose(padded, clip.encode_regions(shifted, whole), atol=1e-3)
    assert not torch.allclose(padded, clip.encode_regions(pixels, whole), atol=1e-2)


def test_rounded_positions(golden_model, pixels, regions):
    clip = golden_model("tiny_vit32")
    exact = clip.encode_regions(pixels, regions[:2])
    rounded = clip.encode_regions(pixels, regions[:2], half_positions=True)
    assert not exact.equal(rounded)
    assert torch.allclose(exact, rounded, atol=0.1)
    beforehand = rebuilt(
        clip,
        lambda model: model.visual.positional_embedding.copy_(
            model.visual.positional_embedding.half()
        ),
    )
    assert beforehand.encode_regions(pixels, regions[:2]).equal(rounded)


@pytest.mark.parametrize(("finite", "least"), [(True, -100.0), (False, -torch.inf)])
def test_what_keeps_other_patches_out(golden_model, pixels, regions, monkeypatch, finite, least):
    clip, seen, attend = golden_model("tiny_vit32"), set(), FastBlock.attend

    def watched(block, query, key, value, bias=None):
        seen.add(bias.min().item())
        return attend(block, query, key, value, bias)

    monkeypatch.setattr(FastBlock, "attend", watched)
    clip.encode_regions(pixels, regions[:2], finite_exclusion=finite)
    assert seen == {least}


def test_region_tokens_in_bf16(model_files, golden_model, pixels, regions):
    rough = load_clip(*model_files("tiny_vit32"), precision="bf16").encode_regions(pixels, regions)
    exact = golden_model("tiny_vit32").encode_regions(pixels, regions)
    assert rough.dtype == torch.float32
    assert torch.cosine_similarity(rough, exact).median() > 0.9


# --- score map ---


def test_places_add_up_to_the_pooled_answer_when_attention_is_even(golden_model, pixels):
    """Without queries, keys and positions, pooling is the mean of the places."""

    def even(model):
        pool = model.visual.attnpool
        for layer in (pool.q_proj, pool.k_proj):
            torch.nn.init.zeros_(layer.weight)
            torch.nn.init.zeros_(layer.bias)
        torch.nn.init.zeros_(pool.positional_embedding)

    clip = rebuilt(golden_model("tiny_rn"), even)
    places, answer = clip.encode_places(pixels), clip.encode_image(pixels)
    assert torch.allclose(places.mean(dim=(2, 3)), answer, atol=1e-5)
    drawn = clip.encode_places(pixels, bias_seed=0).mean(dim=(2, 3))
    assert not torch.allclose(drawn, answer, atol=1e-2)


def test_score_maps_are_logits(golden_model, golden_images, golden_phrases, pixels):
    clip = golden_model("tiny_rn")
    image = golden_images[1]
    ours = run("score-map", clip, image, golden_phrases[:2])
    fine = functional.interpolate(
        torch.from_numpy(ours["maps"])[None], image[1].size, mode="bilinear"
    )[0]
    means = [fine[:, mask].mean(dim=1) for mask in torch.tensor(image[1].masks)]
    assert np.allclose(ours["scores"], torch.stack(means, dim=1), atol=1e-3)
    assert np.abs(ours["maps"]).max() < clip.logit_scale
    places = functional.normalize(clip.encode_places(pixels), dim=1)
    text = clip.encode_text([golden_phrases[0].text])
    maps = load_method("score-map", clip).draw(places, functional.normalize(text, dim=1))
    cosine = functional.cosine_similarity(clip.encode_places(pixels)[0, :, 2, 3], text[0], dim=0)
    assert torch.isclose(maps[0, 2, 3], clip.logit_scale * cosine, atol=1e-3)


def test_scaling_a_map_keeps_its_ranking(golden_model, golden_images, golden_phrases):
    clip, image = golden_model("tiny_rn"), golden_images[0]
    plain = run("score-map", clip, image, golden_phrases)
    scaled = run("score-map", clip, image, golden_phrases, scaled_maps=True)
    assert np.array_equal(plain["scores"].argmax(1), scaled["scores"].argmax(1))
    assert scaled["maps"].min() == 0
    assert scaled["maps"].max() == 1
    assert 0 <= scaled["scores"].min() < scaled["scores"].max() <= 1


def test_drawn_biases_are_the_same_in_every_run(golden_model, pixels):
    clip = golden_model("tiny_rn")
    one, again, other = (clip.encode_places(pixels, bias_seed=seed) for seed in (0, 0, 1))
    assert one.equal(again)
    assert not torch.allclose(one, other, atol=1e-2)


def test_a_map_without_extremes(golden_model, golden_phrases):
    """An image of one pixel has a map of one value."""
    pixel = np.full((1, 1, 3), 99, np.uint8)
    mask = MaskProposals(np.ones((1, 1, 1), np.bool_))
    found = run(
        "score-map", golden_model("tiny_rn"), (pixel, mask), golden_phrases, scaled_maps=True
    )
    assert np.array_equal(found["scores"], np.zeros((12, 1)))


# --- Grad-CAM ---


def test_gradients_are_those_of_finite_differences(golden_model, pixels, golden_phrases):
    clip = golden_model("tiny_rn")
    exact = rebuilt(clip, lambda model: model.double())
    features = clip.feature_map(pixels).double()
    texts = clip.encode_text([phrase.text for phrase in golden_phrases[:3]]).double()
    gradients = exact.channel_gradients(features, texts)

    def logits(maps):
        pooled = functional.normalize(exact.tower.pool(maps), dim=1)
        return clip.logit_scale * functional.normalize(texts, dim=1) @ pooled[0]

    step = 1e-5
    for channel in (0, 100, 511):
        bump = torch.zeros_like(features)
        bump[:, channel] = step
        slope = (logits(features + bump) - logits(features - bump)) / (2 * step)
        assert torch.allclose(gradients[:, channel], slope, rtol=1e-5, atol=1e-7)
        assert slope.abs().max() > 0.1


def test_gradients_of_many_texts_under_inference_mode(golden_model, pixels):
    clip = golden_model("tiny_rn")
    features = clip.feature_map(pixels)
    texts = torch.randn((40, 64), generator=torch.Generator().manual_seed(2))
    together = clip.channel_gradients(features, texts)
    with torch.inference_mode():
        alone = clip.channel_gradients(features, texts[[0, 39]])
    assert torch.allclose(together[[0, 39]], alone, atol=1e-5)
    assert not together.requires_grad
    assert clip.channel_gradients(features, texts[:0]).shape == (0, 512)


def test_each_quirk_of_grad_cam(golden_model, golden_images, golden_phrases):
    clip, image = golden_model("tiny_rn"), golden_images[0]

    def maps(**quirks):
        return run("grad-cam", clip, image, golden_phrases[:3], **quirks)["maps"]

    signed = maps(negative_evidence=True)
    assert signed.min() < 0 < signed.max()
    assert np.allclose(maps(), signed.clip(min=0), atol=1e-5)
    assert np.allclose(maps(negated_gradient=True), (-signed).clip(min=0), atol=1e-5)
    assert np.allclose(49 * maps(averaged_gradient=True), maps(), rtol=1e-4, atol=1e-5)
    method = load_method("grad-cam", clip)
    lengths = np.linalg.norm(method.encode_image(*image).places, axis=1)
    assert np.allclose(maps(unit_activations=True) * lengths, maps(), rtol=1e-3, atol=1e-5)


def test_grad_cam_in_bf16(model_files, golden_model, golden_images, golden_phrases):
    rough, exact = (
        run("grad-cam", clip, golden_images[0], golden_phrases[:4])["maps"].ravel()
        for clip in (load_clip(*model_files("tiny_rn"), precision="bf16"), golden_model("tiny_rn"))
    )
    assert np.corrcoef(rough, exact)[0, 1] > 0.9


# --- all of them ---


def test_a_model_of_the_wrong_kind_is_told(golden_model):
    for compat in (Compat(), reference("resnet")):
        with pytest.raises(
            ConfigurationError, match=r"vision transformer such as ViT-B-32.*resnet"
        ):
            load_method("region-token", golden_model("tiny_rn"), compat=compat)
    for name in ("score-map", "grad-cam"):
        with pytest.raises(ConfigurationError, match=r"ResNet such as RN50-quickgelu.*vit model"):
            load_method(name, golden_model("tiny_vit32"))


def test_blends_are_not_theirs(golden_model):
    for name in ("alpha", "beta", "mask_layers"):
        with pytest.raises(ConfigurationError, match=f"region-token has no {name}"):
            load_method("region-token", golden_model("tiny_vit32"), **{name: 1})


def test_scores_do_not_depend_on_the_length_of_features(
    golden_model, golden_images, golden_phrases
):
    for name, model in (("region-token", "tiny_vit32"), ("score-map", "tiny_rn")):
        clip, image = golden_model(model), golden_images[0]
        unit = run(name, clip, image, golden_phrases)
        free = run(name, clip, image, golden_phrases, unit_text=False, unit_global=False)
        assert np.allclose(np.linalg.norm(unit["text_global"], axis=1), 1, atol=1e-5)
        assert np.linalg.norm(free["text_global"], axis=1).min() > 1.1
        assert np.allclose(unit["scores"], free["scores"], atol=1e-3)


@pytest.mark.parametrize(
    ("method", "model"),
    [("region-token", "tiny_vit32"), ("score-map", "tiny_rn"), ("grad-cam", "tiny_rn")],
)
def test_the_default_is_no_alias_of_the_reference(
    golden_model, golden_images, golden_phrases, method, model
):
    clip, image = golden_model(model), golden_images[1]
    ours = load_method(method, clip).features(*image, golden_phrases)["scores"]
    compat = reference(clip.tower.family)
    theirs = load_method(method, clip, compat=compat).features(*image, golden_phrases)["scores"]
    assert np.abs(ours - theirs).max() > 0.1 * np.abs(theirs).max()
