"""compat="reference" against the arrays the released code gave."""

import numpy as np
import pytest
import torch

from refmask.compat import by_name, reference
from refmask.methods import load_method
from refmask.ops.pixels import (
    crop_source,
    cut_crops,
    grid_masks,
    normalize_pixels,
    resize_shorter_side,
    whole_image,
)
from refmask.ops.pixels import projected_boxes as boxes_of

MODELS = ("vit_b32", "rn50", "tiny_vit32", "tiny_vit16", "tiny_rn")
ALPHAS = (0.85, 0.95, 0.0, 1.0)


def error(ours, theirs):
    return np.abs(np.asarray(ours) - theirs).max() / np.abs(theirs).max()


@pytest.mark.parametrize("k", [0, 1])
def test_pixels(golden, golden_images, golden_model, k):
    expected, (image, proposals) = golden("preprocess"), golden_images[k]
    method = load_method("global-local", golden_model("tiny_vit32"), compat=reference("vit"))
    way_in = method.preprocessing
    resized = resize_shorter_side(image, way_in.shorter_side)
    short = normalize_pixels(resized, way_in)
    assert tuple(expected[f"im{k}.short800.shape"]) == tuple(short.shape)
    assert error(short[:, :, ::16, ::16], expected[f"im{k}.short800.sub16"]) < 1e-5
    clip = whole_image(resized, way_in)
    assert error(clip, expected[f"im{k}.clip224"]) < 1e-5
    for side in (7, 14):
        soft = grid_masks(proposals, (side, side), antialias=way_in.antialias)
        assert error(soft, expected[f"im{k}.mask{side}"]) < 1e-5
    boxes = boxes_of(proposals.masks)
    assert error(boxes, expected[f"im{k}.box"]) < 1e-6
    assert np.array_equal(boxes.astype(int), expected[f"im{k}.box_int"])
    source = crop_source(resized, proposals.size, way_in)
    crops = cut_crops(source, proposals.masks, boxes, way_in)
    assert error(crops[:, :, ::4, ::4], expected[f"im{k}.crop.sub4"]) < 1e-5
    full = expected[f"im{k}.crop.full_index"]
    assert error(crops[full], expected[f"im{k}.crop.full"]) < 1e-5


@pytest.mark.parametrize("name", MODELS)
def test_features_and_scores(golden, golden_images, golden_phrases, golden_model, name):
    clip, expected = golden_model(name), golden(name)
    compat = by_name("reference", clip.tower.family)
    methods = [load_method("global-local", clip, alpha=a, compat=compat) for a in ALPHAS]
    text = methods[0].encode_text(golden_phrases)
    assert error(text.global_context, expected["text_mix.beta1"]) < 5e-4
    assert error(text.local_context, expected["text_mix.beta0"]) < 5e-4
    assert error(text.blend(0.5), expected["text_mix"]) < 5e-4
    for k, (image, proposals) in enumerate(golden_images):
        visual = methods[0].encode_image(image, proposals)
        assert error(visual.global_context, expected[f"im{k}.global"]) < 5e-4
        assert error(visual.local_context, expected[f"im{k}.local"]) < 5e-4
        for index, method in enumerate(methods):
            scores = method.score(visual, text)
            assert error(scores, expected[f"im{k}.score"][index]) < 5e-4


def test_the_corrected_method_differs(golden, golden_images, golden_model):
    """The default is no alias of the reference."""
    clip, (image, proposals) = golden_model("tiny_vit32"), golden_images[0]
    method = load_method("global-local", clip)
    visual = method.encode_image(image, proposals)
    assert error(visual.global_context, golden("tiny_vit32")["im0.global"]) > 0.1
    assert np.allclose(np.linalg.norm(visual.local_context, axis=1), 1, atol=1e-5)


def test_a_mask_the_reference_would_crash_on(golden_images, golden_model):
    from refmask import MaskError
    from refmask.types import MaskProposals

    image, _ = golden_images[0]
    mask = np.zeros((1, *image.shape[:2]), np.bool_)
    mask[0, 10:50, 0] = True
    method = load_method("cropping", golden_model("tiny_vit32"), compat=reference("vit"))
    with pytest.raises(MaskError, match="empty crop box"):
        method.encode_image(image, MaskProposals(mask))
    corrected = load_method("cropping", golden_model("tiny_vit32"))
    assert torch.isfinite(
        torch.tensor(corrected.encode_image(image, MaskProposals(mask)).local_context)
    ).all()
