"""What every method must do; a new line in METHODS is tested here by itself."""

import contextlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from refmask import ConfigurationError
from refmask.methods import FOR_CLASSIFIERS, METHODS, PRESETS, load_method
from refmask.types import MaskProposals


def scores_of(method, image, proposals, phrases):
    """float32 (T, N), of everything encoded anew."""
    return method.score(method.encode_image(image, proposals), method.encode_text(phrases))


@pytest.fixture(params=list(METHODS))
def method(request, golden_model, classifier):
    """Each method on the first model that it takes."""
    for model in (golden_model("tiny_vit32"), golden_model("tiny_rn"), classifier):
        with contextlib.suppress(ConfigurationError):
            return load_method(request.param, model)
    raise AssertionError(f"{request.param} takes no model")


def test_permuting_proposals_permutes_scores(method, noise, fixed_proposer, golden_phrases):
    proposals, order = fixed_proposer.propose(noise), [2, 0, 3, 1]
    scores = scores_of(method, noise, proposals, golden_phrases[:3])
    again = scores_of(method, noise, proposals[order], golden_phrases[:3])
    assert scores.shape == (3, 4)
    assert scores.dtype == np.float32
    assert np.allclose(scores[:, order], again, atol=1e-3)
    assert np.ptp(scores) > 0.01


def test_threads_may_share_it(method, noise, fixed_proposer, golden_phrases):
    images = [np.roll(noise, 9 * step, axis=1) for step in range(6)]
    proposals = fixed_proposer.propose(noise)

    def scores(image):
        text = method.encode_text(golden_phrases[:3])
        return method.score(method.encode_image(image, proposals), text)

    wanted = [scores(image) for image in images]
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(scores, images))
    assert np.array_equal(wanted, found)


def test_evidence_is_added(method, noise, fixed_proposer, golden_phrases):
    text = method.encode_text(golden_phrases[:2])
    features = method.encode_image(noise, fixed_proposer.propose(noise))
    plain = method.score(features, text)
    evidence = np.zeros((2, 4), np.float32)
    evidence[0, plain[0].argmin()] = 2 * np.ptp(plain[0])
    told = method.score(features, text, evidence)
    assert told[0].argmax() == plain[0].argmin()
    assert np.allclose(told[1], plain[1], atol=1e-4)


def test_no_proposals_and_no_expressions(method, noise, golden_phrases):
    nothing = noise, MaskProposals.empty(60, 80)
    assert scores_of(method, *nothing, golden_phrases).shape == (len(golden_phrases), 0)
    assert scores_of(method, *nothing, []).shape == (0, 0)


@pytest.mark.parametrize("method", sorted(METHODS.keys() - FOR_CLASSIFIERS), indirect=True)
def test_weights_are_unchanged(method, noise, fixed_proposer, golden_phrases):
    before = {k: v.clone() for k, v in method.encoder.model.state_dict().items()}
    scores_of(method, noise, fixed_proposer.propose(noise), golden_phrases)
    after = method.encoder.model.state_dict()
    assert before.keys() == after.keys()
    assert all(before[key].equal(after[key]) for key in before)
    parameters = list(method.encoder.model.parameters())
    assert not any(p.requires_grad or p.grad is not None for p in parameters)


def test_features_include_the_scores(method, noise, fixed_proposer, golden_phrases):
    proposals, phrases = fixed_proposer.propose(noise), golden_phrases[:2]
    features = method.features(noise, proposals, phrases)
    scores = scores_of(method, noise, proposals, phrases)
    assert np.allclose(features["scores"], scores, atol=1e-4)
    assert features["text_global"].shape == (2, method.encoder.dim)
    assert all(array.dtype == np.float32 for array in features.values())


def test_cropping_and_global_are_the_ends_of_global_local(
    golden_model, noise, fixed_proposer, golden_phrases
):
    clip, proposals = golden_model("tiny_vit16"), fixed_proposer.propose(noise)
    for name, alpha in (("cropping", 0.0), ("global", 1.0)):
        end = load_method(name, clip)
        whole = load_method("global-local", clip, alpha=alpha, beta=1.0)
        ours = scores_of(end, noise, proposals, golden_phrases)
        theirs = scores_of(whole, noise, proposals, golden_phrases)
        assert np.allclose(ours, theirs, atol=1e-4)


def test_all_faulty_settings_are_told_at_once(golden_model):
    with pytest.raises(ConfigurationError, match=r"alpha.*1\.5.*beta.*-1.*mask_layers.*13"):
        load_method("global-local", golden_model("tiny_vit32"), alpha=1.5, beta=-1, mask_layers=13)


def test_settings_a_method_does_not_have(golden_model):
    with pytest.raises(ConfigurationError, match="cropping has no alpha"):
        load_method("cropping", golden_model("tiny_vit32"), alpha=0.5)
    with pytest.raises(ConfigurationError, match="resnet model, which has no mask_layers"):
        load_method("global-local", golden_model("tiny_rn"), mask_layers=2)
    with pytest.raises(ConfigurationError, match="choose from global-local"):
        load_method("no-such", golden_model("tiny_rn"))


def test_presets_are_the_papers(golden_model):
    clip = golden_model("tiny_vit32")
    assert {name: p["alpha"] for name, p in PRESETS.items()} == {
        "refcoco": 0.95,
        "refcoco+": 0.95,
        "refcocog": 0.85,
        "phrasecut": 0.85,
    }
    assert all(
        load_method("global-local", clip, **preset).beta == 0.5 for preset in PRESETS.values()
    )


def test_the_mask_layer_count_matters(golden_model, noise, fixed_proposer):
    clip, proposals = golden_model("tiny_vit32"), fixed_proposer.propose(noise)
    one, default, three = (
        load_method("global", clip, mask_layers=k).encode_image(noise, proposals).global_context
        for k in (1, None, 3)
    )
    assert np.array_equal(default, three)
    assert not np.allclose(one, three, atol=1e-3)


def test_no_convolution_in_fp32_is_rounded(
    method, noise, fixed_proposer, golden_phrases, rounded_convolutions
):
    with rounded_convolutions:
        scores_of(method, noise, fixed_proposer.propose(noise), golden_phrases[:1])
    assert rounded_convolutions.seen
    assert not rounded_convolutions.rounded
