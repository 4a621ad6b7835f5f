"""Local features for the best masks of each expression only."""

import dataclasses

import numpy as np
import pytest

from refmask import ConfigurationError, MaskProposals
from refmask.cache.features import FeatureCache
from refmask.cache.method import CachedMethod
from refmask.compat import reference
from refmask.factory import assemble
from refmask.fingerprint import of_method
from refmask.methods import METHODS, load_method
from refmask.methods.shortlist import Shortlist
from refmask.scene import Scene
from refmask.segmenter import Segmenter
from refmask.text.parser import PhraseParser


@pytest.fixture(params=["tiny_vit32", "tiny_rn"])
def clip(request, golden_model):
    return golden_model(request.param)


@pytest.fixture(scope="module")
def seen(golden_images):
    """An image with 8 masks."""
    return golden_images[0]


@pytest.fixture
def crops(monkeypatch):
    """How many masks were looked at alone, call by call."""
    counts = []
    alone = Shortlist.encode_alone

    def counted(self, image, proposals):
        counts.append(len(proposals))
        return alone(self, image, proposals)

    monkeypatch.setattr(Shortlist, "encode_alone", counted)
    return counts


def scores_of(method, seen, phrases):
    return method.score(method.encode_image(*seen), method.encode_text(phrases))


@pytest.mark.parametrize("released", [False, True])
@pytest.mark.parametrize("local_top", [8, 100])
def test_a_list_of_all_masks_is_exact(clip, seen, golden_phrases, released, local_top):
    compat = {"compat": reference(clip.tower.family)} if released else {}
    short = load_method("global-local", clip, local_top=local_top, **compat)
    exact = load_method("global-local", clip, **compat)
    ours, theirs = (scores_of(method, seen, golden_phrases) for method in (short, exact))
    assert ours.tobytes() == theirs.tobytes()
    found, expected = (method.features(*seen, golden_phrases) for method in (short, exact))
    assert found.keys() == expected.keys()
    assert all(np.array_equal(found[name], expected[name]) for name in found)


@pytest.mark.parametrize("local_top", [1, 3, 7])
def test_the_best_have_exact_scores_and_the_others_lie_below(clip, seen, golden_phrases, local_top):
    settings = {"alpha": 0.4}
    short = load_method("global-local", clip, local_top=local_top, **settings)
    scores = scores_of(short, seen, golden_phrases)
    exact = scores_of(load_method("global-local", clip, **settings), seen, golden_phrases)
    guess = scores_of(load_method("global", clip, beta=0.5), seen, golden_phrases)
    assert scores.dtype == np.float32
    assert np.isfinite(scores).all()
    for row, right, all_of in zip(scores, exact, guess, strict=True):
        order = np.argsort(-all_of, kind="stable")
        best, others = order[:local_top], order[local_top:]
        np.testing.assert_allclose(row[best], right[best], atol=2e-3)
        assert row[others].max() < row[best].min()
        assert (np.diff(row[others]) <= 0).all()
        # As far below as the global scores are.
        gaps = all_of[best[-1]] - all_of[others]
        np.testing.assert_allclose(row[best].min() - row[others], gaps, atol=2e-3)


def test_expressions_pay_for_new_masks_only(golden_model, seen, golden_phrases, crops):
    method = load_method("global-local", golden_model("tiny_vit32"), local_top=2)
    nothing = method.encode_image(*seen)
    assert crops == []
    text = method.encode_text(golden_phrases[:1])
    features = method.focus(nothing, text)
    first = method.score(features, text)
    assert crops == [2]
    assert not nothing.known.any()
    assert method.focus(features, text) is features
    again = method.score(features, text)
    assert crops == [2]
    assert again.tobytes() == first.tobytes()
    features = method.focus(features, method.encode_text(golden_phrases))
    assert sum(crops) == features.known.sum() <= len(seen[1])
    assert len(crops) == 2


def test_expressions_do_not_depend_on_what_was_asked_before(golden_model, seen, golden_phrases):
    method = load_method("global-local", golden_model("tiny_vit32"), local_top=2)
    alone = [scores_of(method, seen, [phrase])[0] for phrase in golden_phrases]
    # These random weights amplify rounding.
    np.testing.assert_allclose(scores_of(method, seen, golden_phrases), alone, atol=5e-3)


def test_no_proposals_and_no_expressions(clip, noise, seen, golden_phrases):
    method = load_method("global-local", clip, local_top=3)
    nothing = method.encode_image(noise, MaskProposals.empty(60, 80))
    assert method.score(nothing, method.encode_text(golden_phrases)).shape == (
        len(golden_phrases),
        0,
    )
    assert scores_of(method, seen, []).shape == (0, 8)


def test_it_is_an_approximation_of_one_method_only(golden_model):
    clip = golden_model("tiny_vit32")
    for name in METHODS.keys() - {"global-local", "score-map", "grad-cam", "class-posterior"}:
        with pytest.raises(ConfigurationError, match=f"method {name} has no local_top"):
            load_method(name, clip, local_top=3)
    with pytest.raises(ConfigurationError, match="local_top is at least 1, not 0"):
        load_method("global-local", clip, local_top=0)
    with pytest.raises(ConfigurationError, match="alpha is from 0 to 1"):
        load_method("global-local", clip, local_top=3, alpha=2.0)


def test_records_tell_of_it(golden_model, fixed_proposer):
    clip, parser = golden_model("tiny_vit32"), PhraseParser()
    exact, short = (
        of_method(assemble(clip, fixed_proposer, settings={"local_top": top}, parser=parser).method)
        for top in (None, 3)
    )
    assert short == exact | {"local_top": 3}
    assert exact["method"] == "global-local"


def test_a_scene_is_saved_with_what_all_expressions_share(
    golden_model, seen, fixed_proposer, fixed_parser, tmp_path, crops
):
    method = load_method("global-local", golden_model("tiny_vit32"), local_top=2)
    segmenter = Segmenter(fixed_proposer, method, fixed_parser)
    scene = segmenter.look(*seen)
    answer = scene.find("the red car")
    scene.save(tmp_path / "street.safetensors")
    again = Scene.load(tmp_path / "street.safetensors", segmenter).find("the red car")
    assert again.scores.tobytes() == answer.scores.tobytes()
    assert crops == [2, 2]
    exact = load_method("global-local", method.encoder)
    with pytest.raises(ConfigurationError, match=r"holds no local features, but global"):
        Scene.load(tmp_path / "street.safetensors", dataclasses.replace(segmenter, method=exact))


def test_a_store_keeps_the_global_features(golden_model, seen, golden_phrases, tmp_path):
    clip, features = golden_model("tiny_vit32"), FeatureCache(tmp_path / "store")
    for method in (load_method("global-local", clip, local_top=2), load_method("global", clip)):
        cached, text = CachedMethod(method, features), method.encode_text(golden_phrases)
        cached.score(cached.encode_image(*seen), text)
        assert features.held()[0] == 1
