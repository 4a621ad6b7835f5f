"""What notebooks show of scenes and answers, and answers as supervision's detections."""

import dataclasses
import io
import pickle
import sys

import numpy as np
import pytest
from PIL import Image

from refmask import MaskProposals, MissingResource, Segmentation, TargetPhrase, Why
from refmask.factory import assemble
from refmask.visualize.overlay import ANSWER, overlay
from refmask.visualize.proposals import draw_readably


@pytest.fixture
def segmenter(golden_model, fixed_proposer, fixed_parser):
    return assemble(golden_model("tiny_vit32"), fixed_proposer, parser=fixed_parser)


@pytest.fixture
def scene(segmenter, noise):
    return segmenter.look(noise)


def opened(content):
    return np.array(Image.open(io.BytesIO(content)))


def test_an_answer_shows_its_mask_over_the_image_with_its_reasons(scene):
    answer = scene.find("the red car")
    shown = opened(answer._repr_png_())
    assert np.array_equal(shown, overlay(scene.image, answer))
    assert (shown == np.array(ANSWER)).all(axis=2).sum() > 1000


def test_an_answer_holds_the_image_itself_and_no_copy(scene):
    for answer in scene.find(["the red car", "left guy"]):
        assert answer.view.image is scene.image
        assert answer.proposals is scene.proposals
        assert "view" not in repr(answer)


def test_an_answer_can_travel_and_still_show_itself(scene):
    answer = scene.find("the red car")
    assert pickle.loads(pickle.dumps(answer))._repr_png_() == answer._repr_png_()  # noqa: S301


def test_a_scene_shows_all_its_proposals(scene):
    shown = opened(scene._repr_png_())
    assert np.array_equal(shown, draw_readably(scene.image, scene.proposals))
    assert shown.shape == (480, 640, 3)
    quarters = [shown[y, x] for y in (120, 360) for x in (160, 480)]
    assert len({tuple(colour) for colour in quarters}) == 4


def test_a_scene_without_proposals_shows_its_image(segmenter, noise):
    scene = segmenter.look(noise, MaskProposals.empty(60, 80))
    assert opened(scene._repr_png_()).shape == (480, 640, 3)
    nothing = scene.find("the red car")
    assert opened(nothing._repr_png_()).shape[1] == 640
    assert len(nothing.to_supervision()) == 0


def test_an_answer_without_a_image_is_text():
    why = Why(TargetPhrase("a cat", "a cat", "a cat", "cat"), None, 0.0)
    mask = MaskProposals(np.ones((1, 3, 4), np.bool_))
    assert Segmentation(mask, np.ones(1, np.float32), (0,), 1.0, why)._repr_png_() is None


def test_supervision_takes_answers(scene):
    import supervision

    answers = scene.find(["the red car", "left guy"])
    found = supervision.Detections.merge([answer.to_supervision() for answer in answers])
    assert len(found) == 2
    assert np.array_equal(found.mask, [answer.mask for answer in answers])
    assert np.array_equal(found.xyxy, scene.proposals.boxes[[answer.best for answer in answers]])
    assert found.confidence.tolist() == pytest.approx([answer.confidence for answer in answers])
    assert found.class_id.tolist() == [0, 0]
    assert found.data["expression"].tolist() == ["the red car", "left guy"]
    assert found.data["class_name"].tolist() == ["the red", "left guy"]
    drawn = supervision.MaskAnnotator().annotate(scene.image.copy(), found)
    assert (drawn != scene.image).any()


def test_supervision_takes_each_of_several_things(scene):
    answer = dataclasses.replace(scene.find("the red car"), chosen=(2, 0))
    found = answer.to_supervision()
    assert np.array_equal(found.mask, scene.proposals.masks[[2, 0]])
    assert found.data["expression"].tolist() == ["the red car"] * 2


def test_a_missing_library_is_named(scene, monkeypatch):
    answer = scene.find("the red car")
    monkeypatch.setitem(sys.modules, "supervision", None)
    with pytest.raises(MissingResource, match=r'pip install "refmask\[supervision\]"'):
        answer.to_supervision()
