"""``refmask features --compat reference`` against the golden arrays, from the outside."""

import numpy as np
import pytest

from refmask.cli import main


def error(ours, theirs):
    return np.abs(ours - theirs).max() / np.abs(theirs).max()


@pytest.fixture
def call(model_files, tmp_path, golden_folder):
    def run(model, *options, k=0):
        name, weights = model_files(model)
        out = tmp_path / "out.npz"
        status = main(
            ["features", str(golden_folder / f"image{k}.png"), "--model", name]
            + ["--masks", str(golden_folder / f"masks{k}.npz"), "--weights", weights]
            + ["--expressions", str(golden_folder / "expressions.json"), "--out", str(out)]
            + list(options)
        )
        return status, dict(np.load(out)) if out.exists() else None

    return run


@pytest.mark.parametrize("model", ["tiny_vit32", "tiny_rn"])
def test_reference(model, call, golden):
    """Noun phrases follow from the parses in the expression file."""
    status, ours = call(model, "--compat", "reference", "--alpha", "0.95", k=1)
    theirs, boxes = golden(model), golden("preprocess")["im1.box_int"]
    assert status == 0
    assert {key: value.shape for key, value in ours.items()} == {
        "visual_global": (7, 64),
        "visual_local": (7, 64),
        "text_global": (12, 64),
        "text_local": (12, 64),
        "noun_phrases": (12,),
        "scores": (12, 7),
        "boxes": (7, 4),
    }
    assert error(ours["visual_global"], theirs["im1.global"]) < 5e-4
    assert error(ours["visual_local"], theirs["im1.local"]) < 5e-4
    assert error(ours["text_global"], theirs["text_mix.beta1"]) < 5e-4
    assert error(ours["text_local"], theirs["text_mix.beta0"]) < 5e-4
    assert error(ours["scores"], theirs["im1.score"][1]) < 5e-4
    assert np.array_equal(ours["boxes"], boxes)


def test_methods_share_features_and_differ_in_scores(call):
    (_, whole), (_, crop) = (
        call("tiny_vit16", "--method", m) for m in ("global-local", "cropping")
    )
    for name in ("visual_global", "visual_local", "text_global", "text_local", "boxes"):
        assert np.allclose(whole[name], crop[name], atol=1e-5)
    assert not np.allclose(whole["scores"], crop["scores"], atol=0.1)
    assert np.array_equal(crop["boxes"][2, :2], [0, 0])


@pytest.mark.parametrize(
    ("method", "model", "array", "expected", "others"),
    [
        ("region-token", "tiny_vit32", "visual_region", "region.raw region.score", ()),
        (
            *("score-map", "tiny_rn", "maps", "scoremap_rand.7x7 scoremap_rand.mask_mean"),
            ("visual_places",),
        ),
        ("grad-cam", "tiny_rn", "maps", "gradcam.7x7 gradcam.mask_mean", ("visual_activations",)),
    ],
)
def test_baselines(call, golden, method, model, array, expected, others):
    status, ours = call(model, "--compat", "reference", "--method", method)
    assert status == 0
    assert ours.keys() == {array, "text_global", "noun_phrases", "boxes", "scores", *others}
    for name, theirs in zip((array, "scores"), expected.split(), strict=True):
        assert error(ours[name], golden(model)[f"im0.{theirs}"]) < 5e-4
    assert ours["noun_phrases"][0] == "man"


def test_a_baseline_and_a_model_of_the_wrong_kind(call, capsys):
    assert call("tiny_rn", "--method", "region-token") == (2, None)
    error_line = capsys.readouterr().err
    assert "expected a vision transformer such as ViT-B-32-quickgelu" in error_line
    assert error_line.count("\n") == 1
    assert call("tiny_vit32", "--method", "score-map", "--alpha", "0.5") == (2, None)
    assert "score-map has no alpha" in capsys.readouterr().err


def test_an_empty_mask_is_refused(call, tmp_path, capsys):
    masks = np.zeros((2, 480, 640), bool)
    masks[0, 5:9] = True
    np.savez(tmp_path / "masks.npz", masks=masks)
    status, ours = call("tiny_vit32", "--masks", str(tmp_path / "masks.npz"))
    assert (status, ours) == (2, None)
    assert "mask 1 covers no pixel" in capsys.readouterr().err
