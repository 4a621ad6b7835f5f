"""The functions behind the page, without a browser and without Gradio."""

import base64
import dataclasses
import io
import json

import numpy as np
import pytest
from PIL import Image

from refmask.clip import load_clip
from refmask.errors import ConfigurationError, ExpressionError, ImageError, InputError
from refmask.factory import assemble
from refmask.ops import rle
from refmask.server.limits import Limits
from refmask.server.page import views
from refmask.server.page.examples import KINDS, examples
from refmask.server.page.remembered import Answered, Tab
from refmask.server.page.sessions import SessionStore
from refmask.types import MaskProposals, TargetPhrase


@pytest.fixture(scope="module")
def clip():
    return load_clip("embedded", precision="fp32")


@pytest.fixture
def segmenter(clip, fixed_proposer, fixed_parser):
    return assemble(clip, fixed_proposer, parser=fixed_parser)


@pytest.fixture
def tabs(segmenter):
    return SessionStore(segmenter, Limits())


@pytest.fixture
def tab(tabs, noise):
    return tabs.look(noise, "street.png")[0]


WEIGHTS = {"alpha": 0.85, "beta": 0.5}


def content(href):
    return base64.b64decode(href.partition("base64,")[2])


def test_a_phrase_is_answered_as_the_scene_answers_it(tabs, tab, segmenter, noise):
    given = tabs.ask(tab, "the red car", WEIGHTS)
    expected = assemble(
        segmenter.method.encoder,
        segmenter.proposer,
        settings=WEIGHTS,
        parser=segmenter.parser,
    )
    assert np.array_equal(given.answer.scores, expected.look(noise).find("the red car").scores)
    assert given.tab.expression == "the red car"
    assert given.milliseconds > 0


def test_other_weights_answer_otherwise_without_another_look(segmenter, noise):
    looks = []

    class Counting:
        def propose(self, image):
            looks.append(image.shape)
            return segmenter.proposer.propose(image)

    tabs = SessionStore(
        assemble(segmenter.method.encoder, Counting(), parser=segmenter.parser), Limits()
    )
    tab, _ = tabs.look(noise, "street.png")
    scores = [
        tabs.ask(tab, "the red car", {"alpha": alpha, "beta": beta}).answer.scores
        for alpha, beta in ((0.0, 0.5), (1.0, 0.5), (1.0, 0.0))
    ]
    assert len(looks) == 1
    assert not np.allclose(scores[0], scores[1])
    assert not np.allclose(scores[1], scores[2])


def test_weights_that_a_method_does_not_have_are_passed_over(
    clip, fixed_proposer, fixed_parser, noise
):
    cropping = assemble(clip, fixed_proposer, method="cropping", parser=fixed_parser)
    tabs = SessionStore(cropping, Limits())
    tab, _ = tabs.look(noise, "street.png")
    given = tabs.ask(tab, "the red car", {"alpha": 0.3, "beta": 1.0})
    assert np.array_equal(given.answer.scores, cropping.look(noise).find("the red car").scores)


def test_phrases_asked_before_are_remembered_once(tabs, tab):
    for phrase in ("a cat", "a dog", "a cat"):
        tab = tabs.ask(tab, phrase, WEIGHTS).tab
    assert tab.asked == ("a cat", "a dog")
    assert tab.expression == "a cat"


def test_what_is_missing_is_said(clip, fixed_proposer, noise):
    tabs = SessionStore(assemble(clip, fixed_proposer), Limits())
    tab, _ = tabs.look(noise, "street.png")
    with pytest.raises(ExpressionError, match="got an empty one"):
        tabs.ask(tab, " ", WEIGHTS)
    with pytest.raises(ConfigurationError, match="alpha is from 0 to 1"):
        tabs.ask(tab, "a cat", {"alpha": 2.0, "beta": 0.5})
    tabs.forget(tab)
    with pytest.raises(InputError, match=r"street.png .* let go to save memory"):
        tabs.ask(tab, "a cat", WEIGHTS)


def test_images_that_are_too_large_are_not_looked_at(segmenter, noise):
    with pytest.raises(ImageError, match=r"street.png has 80x60 .* make it smaller"):
        SessionStore(segmenter, Limits(pixels=60 * 80 - 1)).look(noise, "street.png")
    with pytest.raises(ImageError, match="too many regions to be held"):
        SessionStore(segmenter, Limits(scene_bytes=4 * 60 * 80)).look(noise, "street.png")


def test_tabs_hold_no_more_than_they_may(segmenter, noise):
    tabs = SessionStore(segmenter, Limits(scenes=2))
    first, second, third = (tabs.look(noise, f"{n}.png")[0] for n in range(3))
    assert tabs.ask(third, "a cat", WEIGHTS).answer.best is not None
    assert tabs.ask(second, "a cat", WEIGHTS).answer.best is not None
    with pytest.raises(InputError, match=r"0.png .* let go"):
        tabs.ask(first, "a cat", WEIGHTS)


def test_regions_are_the_proposals_at_the_size_shown(noise, fixed_proposer):
    proposals = fixed_proposer.propose(noise)
    shown = views.with_regions(views.image(noise, "street.png"), proposals)
    assert (shown["width"], shown["height"]) == (80, 60)
    decoded = [rle.decode({"size": [60, 80], "counts": counts}) for counts in shown["regions"]]
    assert np.array_equal(decoded, proposals.masks)
    assert shown["shares"] == [0.25] * 4
    assert Image.open(io.BytesIO(content(shown["src"]))).size == (80, 60)


def test_large_images_are_shown_smaller_and_regions_with_them():
    side = 2 * views.SHOWN
    mask = np.zeros((1, 8, side), np.bool_)
    mask[0, 4:, side // 2 :] = True
    image = views.image(np.zeros((8, side, 3), np.uint8), "wide.png")
    shown = views.with_regions(image, MaskProposals(mask))
    assert (shown["height"], shown["width"]) == (4, views.SHOWN)
    decoded = rle.decode({"size": [4, views.SHOWN], "counts": shown["regions"][0]})
    assert np.array_equal(decoded, mask[0, ::2, ::2])


def test_ranks_and_probabilities(tabs, tab):
    given = tabs.ask(tab, "the red car", WEIGHTS).answer
    shown = views.answer(given)
    assert sum(shown["probabilities"]) == pytest.approx(1, abs=1e-3)
    assert shown["order"][0] == shown["best"] == given.best
    assert shown["runner_up"] == given.why.runner_up
    assert shown["measure"] == "score"
    assert sorted(shown["standing"], reverse=True) == [shown["standing"][i] for i in shown["order"]]


def test_what_decides_is_shown_by_its_name(tabs, tab):
    given = tabs.ask(tab, "the red car", WEIGHTS)
    shares = np.array([0.1, 0.4, 0.3, 0.2], np.float32)
    answer = dataclasses.replace(given.answer, best=1, expected_iou=shares)
    shown = views.answer(answer)
    assert (shown["measure"], shown["order"]) == ("expected IoU", [1, 2, 3, 0])
    assert shown["standing"] == pytest.approx(shares, abs=1e-3)
    reasons = views.caption(dataclasses.replace(given, answer=answer))["reasons"]
    assert reasons.endswith("(expected IoU).") or answer.confidence is None


def test_a_image_without_regions_has_no_answer(segmenter, noise):
    class Nothing:
        def propose(self, image):
            return MaskProposals.empty(*image.shape[:2])

    blind = assemble(segmenter.method.encoder, Nothing(), parser=segmenter.parser)
    tabs = SessionStore(blind, Limits())
    given = tabs.ask(tabs.look(noise, "street.png")[0], "a cat", WEIGHTS)
    assert views.answer(given.answer)["order"] == []
    assert views.caption(given)["verdict"] == "No answer"
    assert "No regions" in views.caption(given)["reasons"]
    assert views.caption(given)["unsure"]
    assert views.caption(given)["share"] is None


@pytest.mark.parametrize(
    ("text", "noun", "parts"),
    [
        ("the red car on the left", "the red car", ("", "the red car", " on the left")),
        ("mangos of a man", "man", ("mangos of a ", "man", "")),
        ("left", "something else", ("left", "", "")),
    ],
)
def test_the_noun_phrase_is_marked_in_the_phrase(segmenter, noise, text, noun, parts):
    scene = segmenter.look(noise)
    answer = scene.find_phrases([TargetPhrase(text, text, noun, noun)])[0]
    tab = Tab("", "street.png", 4, 0.1, (text,), text)
    weights = {"alpha": 0.7, "beta": 0.5}
    shown = views.caption(Answered(tab, answer, weights, 12.3))
    assert (shown["before"], shown["noun"], shown["after"]) == parts
    assert "answered in 12 ms" in shown["foot"]
    assert "alpha 0.70 · beta 0.50" in shown["foot"]


def test_unsure_is_said_plainly(tabs, tab):
    given = tabs.ask(tab, "the red car", WEIGHTS)
    shown = views.caption(given)
    assert shown["unsure"] == given.answer.unsure
    assert shown["verdict"].startswith("Unsure: ") == given.answer.unsure
    assert ("guess" in shown["reasons"]) == given.answer.unsure


@pytest.mark.parametrize("known", [True, False])
def test_no_percentage_is_shown_where_it_means_nothing(segmenter, noise, known):
    scene = segmenter.look(noise)
    if known:  # one region only
        scene = segmenter.look(noise, scene.proposals[0])
    answer = scene.find("the red car")
    if not known:
        why = dataclasses.replace(answer.why, note="'gnu' is not known")
        answer = dataclasses.replace(answer, why=why)
    tab = Tab("", "street.png", 4, 0.1, ("the red car",), "the red car")
    shown = views.caption(Answered(tab, answer, WEIGHTS, 12.3))
    assert shown["verdict"] == f"Unsure: {answer.reason}"
    assert ("Only one region" in shown["reasons"]) == known
    assert shown["share"] is None
    assert "%" not in "".join(str(value) for value in shown.values())
    assert views.answer(answer)["unsure"]
    assert views.answer(answer)["probabilities"] is None


def test_the_card_says_which_model_answers(tabs, tab, segmenter):
    given = tabs.ask(tab, "the red car", WEIGHTS)
    shown = views.caption(given)
    assert shown["label"] == segmenter.provenance.label == "emoji model: knows emoji scenes only"
    assert "model embedded" in shown["foot"]
    plain = dataclasses.replace(segmenter.provenance, label=None)
    given = dataclasses.replace(given, answer=dataclasses.replace(given.answer, provenance=plain))
    assert views.caption(given)["label"] is None


def test_files_hold_the_mask_and_the_record(tabs, tab):
    tabs.ask(tab, "a cat", WEIGHTS)
    given = tabs.ask(tabs.ask(tab, "a cat", WEIGHTS).tab, "the red car", WEIGHTS)
    files = views.files(given)
    assert files["mask"]["name"] == "street-02-the-red-car.mask.png"
    assert files["record"]["name"] == "street-02-the-red-car.json"
    mask = np.array(Image.open(io.BytesIO(content(files["mask"]["href"]))))
    assert np.array_equal(mask > 0, given.answer.mask)
    told = json.loads(content(files["record"]["href"]))
    assert told.pop("image") == "street.png"
    assert told == given.answer.to_dict()
    assert told["provenance"] == given.answer.provenance.to_dict()
    assert told["provenance"]["method"].startswith("global-local:alpha=0.85,beta=0.5")


def test_examples_are_photographs_unless_the_model_knows_scenes_only():
    for model in ("offline", "ViT-B-32-quickgelu"):
        shown = [(one.name, one.phrase) for one in examples(model)]
        assert ("astronaut.png", "the helmet") in shown
        assert ("chelsea.png", "the cat") in shown
        assert "the snowman" not in dict(shown).values()
        assert not [name for name, _ in shown if name.startswith("scene")]


def test_example_scenes_are_of_all_kinds_and_different_images():
    shown = examples("embedded")
    assert len(shown) == len(KINDS)
    assert len({example.name for example in shown}) == len(shown)
    assert all(example.phrase for example in shown)
    small = Image.open(io.BytesIO(content(shown[0].shown()["src"])))
    assert max(small.size) <= 240
