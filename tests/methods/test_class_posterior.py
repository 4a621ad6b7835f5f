"""Class posteriors in CLIP's place, on photographs that scikit-image ships."""

import dataclasses

import numpy as np
import pytest
from skimage import data

import refmask
from refmask import ConfigurationError, Scene
from refmask.methods import load_method
from refmask.methods.class_posterior import soft_iou
from refmask.selection import Calibration, class_phrase, common_phrases, likeness
from refmask.types import ContextFeatures, MaskProposals, TargetPhrase


def phrase(noun):
    return TargetPhrase(f"the {noun}", f"the {noun}", f"the {noun}", noun)


def scores_of(method, image, proposals, phrases):
    """float32 (T, N), of everything encoded anew."""
    return method.score(method.encode_image(image, proposals), method.encode_text(phrases))


@pytest.fixture(scope="module")
def coffee():
    """A cup on a saucer: the photograph's middle, and two corners of the table."""
    image = data.coffee()
    masks = np.zeros((3, *image.shape[:2]), np.bool_)
    masks[0, 40:330, 120:500] = True
    masks[1, :80, :80] = True
    masks[2, 320:, 520:] = True
    return image, MaskProposals(masks)


@pytest.fixture(scope="module")
def method(classifier):
    return load_method("class-posterior", classifier)


def test_the_cup_is_found_and_the_corners_are_not(method, coffee):
    scores = scores_of(method, *coffee, [phrase("cup"), phrase("espresso")])
    assert (scores.argmax(axis=1) == 0).all()
    assert (scores[:, 0] > scores[:, 1:].max(axis=1) + 2).all()


def test_the_ends_of_alpha_are_the_two_features(classifier, coffee):
    for alpha, part in ((1.0, "visual_global"), (0.0, "visual_local")):
        method = load_method("class-posterior", classifier, alpha=alpha, beta=0.0)
        told = method.features(*coffee, [phrase("cup")])
        likelihood = np.log(told["text_local"] @ told[part].T + 1e-4)
        assert np.allclose(told["scores"], likelihood / 0.5, atol=1e-4)


def test_affinities_and_posteriors_are_what_they_say(method, coffee):
    told = method.features(*coffee, [phrase("cup")])
    assert np.allclose(told["visual_global"].sum(axis=1), 1, atol=1e-4)
    assert np.allclose(told["visual_local"].sum(axis=1), 1, atol=1e-4)
    assert 0 <= told["text_local"].min() <= told["text_local"].max() <= 1


def test_only_the_best_masks_are_looked_at_closely(classifier, coffee):
    method = load_method("class-posterior", classifier, local_top=1)
    nothing, text = method.encode_image(*coffee), method.encode_text([phrase("cup")])
    assert not nothing.known.any()
    seen = method.focus(nothing, text)
    assert seen.known.tolist() == [True, False, False]
    scores = method.score(seen, text)
    assert np.array_equal(scores, method.score(nothing, text))
    every = load_method("class-posterior", classifier)
    whole = scores_of(every, *coffee, [phrase("cup")])
    assert scores[0, 0] == pytest.approx(whole[0, 0], abs=1e-3)
    assert scores.argmax() == 0


def test_evidence_decides_what_is_looked_at(classifier, coffee):
    method = load_method("class-posterior", classifier, local_top=1)
    evidence = np.array([[0, 0, 50]], np.float32)
    seen = method.focus(method.encode_image(*coffee), method.encode_text([phrase("cup")]), evidence)
    assert seen.known.tolist() == [False, False, True]


def test_extent_counts_only_among_guesses_at_it(classifier, coffee):
    image, apart = coffee
    method = load_method("class-posterior", classifier)
    nested = MaskProposals(
        np.concatenate([apart.masks[:1]] * 3), quality=np.array([1, 0.5, 0.1], np.float32)
    )
    assert not method.encode_image(image, apart).overlapping
    assert method.encode_image(image, nested).overlapping
    better = dataclasses.replace(apart, quality=np.array([0.1, 1, 1], np.float32))
    same = [scores_of(method, image, each, [phrase("cup")]) for each in (apart, better)]
    assert np.array_equal(*same)
    (scores,) = scores_of(method, image, nested, [phrase("cup")])
    assert scores[0] > scores[1] > scores[2]


def test_features_without_their_image_can_be_asked(classifier, coffee):
    every = dataclasses.replace(load_method("class-posterior", classifier), local_top=None)
    seen, text = every.encode_image(*coffee), every.encode_text([phrase("cup")])
    bare = ContextFeatures(seen.global_context, seen.local_context)
    assert seen.known.all()
    assert np.allclose(every.score(bare, text), every.score(seen, text))
    assert every.focus(bare, text) is bare


def test_words_that_are_not_known(method):
    assert method.unknown([phrase("cup")]) == [None]
    (told,) = method.unknown([phrase("flurb")])
    assert "flurb" in told


def likely(method, features, word):
    """How likely each mask shows what a word names."""
    calibration = Calibration.from_dict(method.encoder.advice["calibration"])
    noun = class_phrase(phrase(word))
    texts = [noun], method.encode_text([noun])
    common = method.encode_text(common_phrases())
    return likeness(method, features, texts, common)[0].presence(calibration)


def test_what_is_not_there_is_unlikely(method, coffee):
    text = method.encode_text([phrase("cup"), phrase("giraffe")])
    seen = method.focus(method.encode_image(*coffee), text)
    assert likely(method, seen, "cup").max() > 0.9
    assert likely(method, seen, "giraffe").max() < 0.3


@pytest.mark.parametrize("word", ["person", "man", "woman", "dog"])
def test_what_tells_nothing_is_unlikely_however_many_classes_a_word_has(method, word):
    """Red discs and noise were men at 99 %: a tenth of the classes hint at one."""
    even = np.full((1, 1000), 1 / 1000, np.float32)
    (affinity,) = method.encode_text([phrase(word)]).blend(method.beta)
    against, clear = (np.eye(1000, dtype=np.float32)[[at]] for at in np.argsort(affinity)[[0, -1]])
    mixed = np.asarray(0.4 * clear + 0.6 * against, np.float32)

    def shown(context, alone):
        return float(likely(method, ContextFeatures(context, alone), word)[0])

    assert shown(even, even) < 0.5
    assert shown(clear, against) < 0.5  # alone speaks against it
    assert shown(against, clear) < 0.5
    assert shown(mixed, mixed) > 0.5


def test_a_person_is_likely(method):
    from skimage.data import astronaut

    image = astronaut()
    suit = np.zeros(image.shape[:2], np.bool_)
    suit[180:, 60:340] = True
    text = method.encode_text([phrase("astronaut")])
    features = method.focus(method.encode_image(image, MaskProposals(suit[None])), text)
    assert likely(method, features, "astronaut")[0] > 0.5


def test_soft_iou_of_halves():
    heat = np.array([[1.0], [1.0], [0.0], [0.0]], np.float32)
    quarter = 0.25 * np.eye(4, dtype=np.float32)
    masks = np.stack([quarter[:2].sum(0), quarter[2:].sum(0), quarter.sum(0), quarter[0]])
    assert np.allclose(soft_iou(heat, masks), [[1, 0, 0.5, 0.5]], atol=1e-5)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"alpha": 1.5, "local_top": 0}, r"alpha is from 0 to 1, not 1\.5; local_top is at least"),
        ({"mask_layers": 3}, "class-posterior has no mask_layers"),
    ],
)
def test_faulty_settings(classifier, settings, told):
    with pytest.raises(ConfigurationError, match=told):
        load_method("class-posterior", classifier, **settings)


def test_other_models_and_other_methods(classifier, golden_model):
    with pytest.raises(ConfigurationError, match="needs the model 'offline'"):
        load_method("class-posterior", golden_model("tiny_vit32"))
    with pytest.raises(ConfigurationError, match="method cropping needs a CLIP, offline is a"):
        load_method("cropping", classifier)


def test_the_whole_preview(tmp_path):
    segmenter = refmask.load("offline", precision="fp32")
    scene = segmenter.look(data.astronaut())
    answers = scene.find(["the helmet", "the flag", "the flurb", "the snowman"])
    helmet, flag, unknown, absent = answers
    assert helmet.mask[400:480, 300:480].mean() > 0.9
    assert flag.mask[:100, :60].mean() > 0.3
    assert not helmet.unsure
    assert all(answer.why.margin >= 0 for answer in answers)
    assert unknown.unsure
    assert unknown.confidence is absent.confidence is None
    assert absent.reason == "nothing here looks like 'snowman'"
    scene.save(tmp_path / "astronaut.safetensors")
    again = Scene.load(tmp_path / "astronaut.safetensors", segmenter)
    assert [a.best for a in again.find(["the helmet", "the flag"])] == [helmet.best, flag.best]


def test_compat_and_weights_are_refused():
    with pytest.raises(ConfigurationError, match="'offline' has no released code"):
        refmask.load("offline", compat="reference", proposals="grouping")
    with pytest.raises(ConfigurationError, match="has weights of its own"):
        refmask.load("offline", "openai", proposals="grouping")
