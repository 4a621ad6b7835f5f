"""The system from image to answer."""

import subprocess
import sys

import numpy as np
import pytest

import refmask
from refmask import (
    ConfigurationError,
    ExpressionError,
    MaskError,
    MaskProposals,
    MaskProposer,
    Scene,
)
from refmask.cache.masks import MaskCache
from refmask.methods import load_method
from refmask.proposals.refine import Refinement
from refmask.segmenter import Segmenter


@pytest.fixture(scope="module")
def clip(golden_model):
    return golden_model("tiny_vit32")


@pytest.fixture
def segmenter(clip, fixed_proposer, fixed_parser):
    return Segmenter(fixed_proposer, load_method("global-local", clip), fixed_parser)


def test_an_answer_and_its_reasons(segmenter, noise):
    scene = segmenter.look(noise)
    answer = scene.find("the red car on the left")
    order = np.argsort(-answer.scores)
    assert isinstance(scene, Scene)
    assert (answer.best, answer.why.runner_up) == tuple(order[:2])
    assert np.array_equal(answer.mask, scene.proposals.masks[answer.best])
    assert answer.why.margin == pytest.approx(answer.scores[order[0]] - answer.scores[order[1]])
    assert answer.why.phrase.noun_phrase == "the red"
    softmax = np.exp(answer.scores) / np.exp(answer.scores).sum()
    assert answer.confidence == pytest.approx(softmax.max(), rel=1e-4)
    assert answer.unsure == (softmax.max() < 0.5)


def test_many_questions_are_the_questions_one_by_one(segmenter, noise):
    scene = segmenter.look(noise)
    phrases = ["left guy", "a much longer phrase about a guy", "cat"]
    for one, other in zip(scene.find(phrases), map(scene.find, phrases), strict=True):
        assert np.allclose(one.scores, other.scores, atol=1e-3)
    assert scene.find([]) == []


def test_images_are_looked_at_once(segmenter, noise, monkeypatch):
    scene = segmenter.look(noise)
    monkeypatch.setattr(type(segmenter.method.encoder), "encode_image", None)
    monkeypatch.setattr(type(segmenter.method.encoder), "encode_masked", None)
    assert scene.find("the cat").best is not None


def test_one_proposal_is_the_answer(segmenter, noise, fixed_proposer):
    scene = segmenter.look(noise, fixed_proposer.propose(noise)[2])
    answer = scene.find("the cat")
    assert (answer.best, answer.why.runner_up, answer.why.margin) == (0, None, 0.0)
    assert (answer.share, answer.confidence) == (1.0, None)
    assert answer.unsure


def test_near_repetitions_are_no_rivals(segmenter, noise, fixed_proposer):
    """Two drawings of one thing make neither the answer unsure nor each other's runner-up."""
    quarters = fixed_proposer.propose(noise).masks
    best = segmenter.look(noise).find("the cat").best
    again = quarters[best].copy()
    again[np.flatnonzero(again.any(axis=1))[0]] = False
    scene = segmenter.look(noise, MaskProposals(np.concatenate([quarters, again[None]])))
    answer = scene.find("the cat")
    share = np.exp(answer.scores) / np.exp(answer.scores).sum()
    same = {best, 4}
    assert answer.best in same
    assert answer.why.runner_up not in same
    assert answer.confidence == pytest.approx(share[list(same)].sum(), rel=1e-4)


def test_no_proposals_give_an_unsure_empty_answer(segmenter, noise):
    answer = segmenter.look(noise, MaskProposals.empty(60, 80)).find("the cat")
    assert (answer.best, answer.confidence, answer.unsure) == (None, None, True)
    assert answer.mask.shape == (60, 80)
    assert not answer.mask.any()


def test_masks_that_do_not_fit(segmenter, noise):
    with pytest.raises(MaskError, match=r"the image has 80x60 pixels.* the masks 60x80"):
        segmenter.look(noise, MaskProposals(np.ones((1, 80, 60), np.bool_)))
    masks = np.zeros((2, 60, 80), np.bool_)
    masks[0] = True
    with pytest.raises(MaskError, match="mask 1 covers no pixel"):
        segmenter.look(noise, MaskProposals(masks))


def test_load_puts_the_parts_together(model_files, fixed_proposer):
    model, weights = model_files("tiny_vit32")
    made = refmask.load(model, weights, proposals=fixed_proposer, preset="refcoco", beta=0.25)
    assert isinstance(made.proposer, MaskProposer)
    assert (made.method.alpha, made.method.beta) == (0.95, 0.25)
    assert made.method.compat.cosine
    reference = refmask.load(*model_files("tiny_rn"), compat="reference", precision="auto")
    assert not reference.method.compat.cosine
    assert reference.method.compat.unit_places
    assert reference.parser.reference
    assert str(reference.method.encoder.precision) == "torch.float32"
    with pytest.raises(refmask.ConfigurationError, match="fp32"):
        refmask.load(model, weights, compat="reference", precision="bf16")
    with pytest.raises(refmask.ConfigurationError, match="refcocog"):
        refmask.load(model, weights, preset="refcocox")


def test_the_proposer_is_asked_for_what_the_whole_system_is(model_files, tmp_path):
    model, weights = model_files("tiny_vit32")
    (tmp_path / "checkpoint.pth").touch()  # read when the first image comes
    freesolo = f"freesolo:weights={tmp_path / 'checkpoint.pth'}"
    for compat, uncapped in (("reference", True), ("default", False)):
        asked = refmask.load(model, weights, proposals=freesolo, compat=compat).proposer
        assert asked.uncapped == uncapped
        assert asked.precision == ("fp32" if uncapped else "auto")


def test_masks_are_kept_and_refined(model_files, tmp_path, noise, fixed_proposer):
    settings = {"store": str(tmp_path / "store"), "refinement": Refinement(limit=2)}
    made = refmask.load(*model_files("tiny_vit32"), proposals="grouping:floor=0", **settings)
    assert len(made.look(noise).proposals) == 2
    (kept,) = MaskCache(tmp_path / "store").configurations()
    assert len(MaskCache(tmp_path / "store").get(kept, noise)) > 2
    with pytest.raises(ConfigurationError, match="configuration"):
        refmask.load(*model_files("tiny_vit32"), proposals=fixed_proposer, **settings)


def test_features_are_kept_within_a_limit(model_files, tmp_path, noise, monkeypatch):
    settings = {"proposals": "grouping:floor=0", "store": str(tmp_path / "store")}
    model = model_files("tiny_vit32")
    first = refmask.load(*model, **settings, store_limit="1MB")
    assert first.features.limit == 10**6
    answer = first.look(noise).find("the cat")
    again = refmask.load(*model, **settings, alpha=first.method.alpha)
    monkeypatch.setattr(type(again.method.encoder), "encode_image", None)
    monkeypatch.setattr(type(again.method.encoder), "encode_masked", None)
    assert again.look(noise).find("the cat").scores.tobytes() == answer.scores.tobytes()
    assert refmask.load(*model).features is None
    with pytest.raises(ConfigurationError, match="like 500MB"):
        refmask.load(*model, **settings, store_limit="1 MBit")


def test_long_texts(model_files, fixed_proposer, noise):
    model, weights = model_files("tiny_vit32")
    long = "the very " * 60 + "old man"
    default = refmask.load(model, weights, proposals=fixed_proposer)
    with pytest.warns(refmask.RefmaskWarning, match=r"at most 77 tokens.* only its beginning"):
        assert default.look(noise).find(long).best is not None
    reference = refmask.load(model, weights, proposals=fixed_proposer, compat="reference")
    with pytest.raises(ExpressionError, match="at most 77 tokens"):
        reference.look(noise).find(long)


def test_a_cards_advice_gives_way_to_presets_and_settings(tmp_path, model_files):
    import json
    import shutil
    from pathlib import Path

    model, weights = model_files("tiny_vit32")
    advice = {"alpha": 0.6, "beta": 0.4, "mask_layers": 2, "recipe": "ignored"}
    content = {"model_cfg": json.loads(Path(model).read_text()), "refmask": advice}
    (tmp_path / "open_clip_config.json").write_text(json.dumps(content))
    shutil.copy(weights, tmp_path / "open_clip_model.safetensors")

    def blend(**settings):
        method = refmask.load(str(tmp_path), **settings).method
        return method.alpha, method.beta, method.mask_layers

    assert blend() == (0.6, 0.4, 2)
    assert blend(preset="refcoco") == (0.95, 0.5, 2)
    assert blend(preset="refcoco", alpha=0.0, mask_layers=5) == (0.0, 0.5, 5)
    assert blend(compat="reference") == (0.85, 0.5, None)
    assert blend(method="global") == (1.0, 1.0, 2)
    assert blend(method="cropping") == (0.0, 1.0, None)


def test_nobody_can_change_what_a_scene_holds(model_files, noise):
    model, weights = model_files("tiny_vit32")
    masks = np.zeros((2, *noise.shape[:2]), bool)
    masks[0, :20], masks[1, 30:] = True, True
    quality = np.ones(2, np.float32)
    given = refmask.MaskProposals(masks, quality=quality)
    image = noise.copy()
    scene = refmask.load(model, weights).look(image, given)
    before = scene.find("the cat")
    masks[:], quality[:], image[:] = True, 7, 0
    assert given.masks.sum() == scene.proposals.masks.sum() == (20 + 30) * 80
    assert given.quality.tolist() == [1, 1]
    assert np.array_equal(scene.image, noise)
    for values in (before.mask, before.scores, scene.proposals.masks, scene.image, given.boxes):
        with pytest.raises(ValueError, match="read-only"):
            values[:] = 0
    copy = before.mask.copy()
    copy[:] = False
    assert before.mask.any()


@pytest.mark.parametrize("expression", ["the car that is not parked", "the man who isn't sitting"])
def test_what_no_method_can_tell_is_unsure(model_files, fixed_proposer, noise, expression):
    model, weights = model_files("tiny_vit32")
    answer = refmask.load(model, weights, proposals=fixed_proposer).look(noise).find(expression)
    assert answer.best is not None
    assert answer.unsure
    assert answer.confidence is None
    assert answer.reason in answer.verdict
    assert "is not understood" in answer.reason


#: A model is loaded and used; then a process is forked that uses it, too.
FORKING = """
import os, warnings
warnings.simplefilter("ignore")
import numpy as np, refmask
segmenter = refmask.load("embedded", proposals="grouping")
image = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)
scene = segmenter.look(image)
scene.find("the cat")
child = os.fork()
if not child:
    for act in (lambda: segmenter.look(image), lambda: scene.find("the dog")):
        try:
            act()
        except refmask.RefmaskError as error:
            print(error, flush=True)
    os._exit(0)
os.waitpid(child, 0)
"""


def test_a_forked_process_is_told_instead_of_waiting_forever(tmp_path):
    program = tmp_path / "forking.py"
    program.write_text(FORKING)
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("cannot be used in a forked process") == 2
