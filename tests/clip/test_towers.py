"""Masking inside the encoders."""

import json

import open_clip
import pytest
import torch

from refmask import ConfigurationError, UnsupportedTower, load_clip
from refmask.clip.model import image_tower

#: The golden weights amplify rounding: open_clip itself is up to 4e-4 off in float32.
ROUNDING = 5e-4
MODELS = ("tiny_vit32", "tiny_vit16", "tiny_rn")


@pytest.fixture(params=MODELS)
def clip(request, golden_model):
    return golden_model(request.param)


@pytest.fixture(scope="module")
def pixels():
    return torch.randn((1, 3, 224, 224), generator=torch.Generator().manual_seed(0))


def test_a_full_mask_gives_the_models_own_answer(clip, pixels, error):
    masks = torch.ones((2, *clip.tower.grid))
    own = clip.model.encode_image(pixels)
    assert error(clip.encode_masked(pixels, masks), own.expand(2, -1)) < ROUNDING
    assert error(clip.encode_image(pixels), own) < ROUNDING


@pytest.mark.parametrize("layers", [1, 5, 12])
def test_a_full_mask_at_any_depth(golden_model, pixels, layers, error):
    clip = golden_model("tiny_vit32")
    full = torch.ones((1, *clip.tower.grid))
    masked = clip.encode_masked(pixels, full, mask_layers=layers)
    assert error(masked, clip.model.encode_image(pixels)) < ROUNDING


def test_what_lies_outside_matters_only_before_the_masked_blocks(golden_model, pixels, error):
    """With every block masked, a change outside the mask cannot be seen."""
    clip = golden_model("tiny_vit32")
    mask = torch.zeros((1, 7, 7))
    mask[0, :3] = 1
    other = pixels.clone()
    other[:, :, 128:] = 0
    every = [clip.encode_masked(image, mask, mask_layers=12) for image in (pixels, other)]
    three = [clip.encode_masked(image, mask) for image in (pixels, other)]
    assert error(*every) < ROUNDING
    assert error(*three) > 1e-2


def test_masks_do_not_see_each_other(clip, pixels, error):
    masks = torch.rand((40, *clip.tower.grid), generator=torch.Generator().manual_seed(1))
    together = clip.encode_masked(pixels, masks)
    alone = torch.cat([clip.encode_masked(pixels, mask[None]) for mask in masks[[0, 39]]])
    assert error(together[[0, 39]], alone) < ROUNDING
    assert clip.encode_masked(pixels, masks[:0]).shape == (0, clip.dim)


def test_an_empty_grid_mask_gives_no_nan(clip, pixels):
    assert clip.encode_masked(pixels, torch.zeros((1, *clip.tower.grid))).isfinite().all()


@pytest.mark.parametrize(("name", "batches"), [("tiny_vit32", [20]), ("tiny_vit16", [13, 7])])
def test_images_go_through_by_their_places(golden_model, monkeypatch, name, batches, error):
    clip = golden_model(name)
    crops = torch.randn((20, 3, 224, 224), generator=torch.Generator().manual_seed(3))
    seen, encode = [], clip.tower.encode
    monkeypatch.setattr(clip.tower, "encode", lambda some: seen.append(len(some)) or encode(some))
    features = clip.encode_image(crops)
    assert seen == batches
    assert error(features[[0, 19]], clip.encode_image(crops[[0, 19]])) < ROUNDING
    assert clip.encode_image(crops[:0]).shape == (0, clip.dim)


@pytest.mark.parametrize(("name", "family"), [("tiny_vit32", "vit"), ("tiny_rn", "resnet")])
def test_many_masks_are_run_in_parts(golden_model, pixels, monkeypatch, name, family, error):
    clip = golden_model(name)
    masks = torch.rand((20, 7, 7), generator=torch.Generator().manual_seed(4)).round()
    together = clip.encode_masked(pixels, masks)
    assert together.shape == (20, clip.dim)
    monkeypatch.setattr(f"refmask.clip.kernels.{family}.PLACES", 150)
    assert error(clip.encode_masked(pixels, masks), together) < ROUNDING


def test_many_regions_are_run_in_parts(golden_model, pixels, monkeypatch, error):
    clip = golden_model("tiny_vit32")
    regions = torch.rand((20, 7, 7), generator=torch.Generator().manual_seed(4)) > 0.5
    together = clip.encode_regions(pixels, regions)
    assert together.shape == (20, clip.dim)
    monkeypatch.setattr("refmask.clip.kernels.vit.REGIONS", 8)
    assert error(clip.encode_regions(pixels, regions), together) < ROUNDING


@pytest.mark.parametrize(
    ("shape", "layers"),
    [
        ((32, 768, 12), 3),
        ((16, 768, 12), 2),
        ((14, 1024, 24), 4),
        ((16, 128, 8), 2),
        ((8, 64, 1), 1),
    ],
)
def test_masked_blocks_by_default(shape, layers):
    patch, width, depth = shape
    vision = {"image_size": 2 * patch, "patch_size": patch, "width": width, "layers": depth}
    with torch.device("meta"):
        visual = image_tower({"embed_dim": 1, "vision_cfg": vision}, "a test's")
    assert visual.mask_layers == layers


def test_bf16_stays_near_fp32(model_files, golden_model, pixels):
    exact = golden_model("tiny_vit32")
    rough = load_clip(*model_files("tiny_vit32"), precision="bf16")
    masks = torch.rand((3, 7, 7), generator=torch.Generator().manual_seed(2))
    pairs = [(c.encode_masked(pixels, masks), c.encode_image(pixels)) for c in (exact, rough)]
    for one, two in zip(*pairs, strict=True):
        assert one.dtype == two.dtype == torch.float32
        assert not one.equal(two)
        # These random weights amplify rounding; trained ones stay above 0.99.
        assert torch.cosine_similarity(one, two).min() > 0.9


def test_towers_without_a_class_token_are_named(tmp_path):
    cfg = open_clip.get_model_config("ViT-B-32")
    cfg["vision_cfg"].update(width=64, layers=1, pool_type="avg")
    cfg["text_cfg"].update(width=64, layers=1, heads=1)
    path = tmp_path / "average.json"
    path.write_text(json.dumps(cfg))
    with pytest.raises(UnsupportedTower, match=r"class token, got avg pooling.*ViT-B-16"):
        load_clip(str(path), "some.pt")
    with pytest.raises(UnsupportedTower, match=r"convnext_base.*ViT-B-32-quickgelu"):
        load_clip("convnext_base", "some.pt")


def test_a_foreign_setting_is_refused(golden_model, pixels):
    with pytest.raises(ConfigurationError, match="unit_places"):
        golden_model("tiny_vit32").encode_masked(pixels, torch.ones(1, 7, 7), unit_places=True)
    with pytest.raises(ConfigurationError, match="1 to 12, got 0"):
        golden_model("tiny_vit32").encode_masked(pixels, torch.ones(1, 7, 7), mask_layers=0)
