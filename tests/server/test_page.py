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
from refmask.reading import Reading, Relation
from refmask.server.blending import with_choice
from refmask.server.limits import Limits
from refmask.server.page import views
from refmask.server.page.examples import KINDS, examples
from refmask.server.page.marks import pieces
from refmask.server.page.sessions import SessionStore
from refmask.server.page.tabs import Tab, TabAnswer
from refmask.text.parser import PhraseParser
from refmask.types import MaskProposals, TargetPhrase


@pytest.fixture(scope="module")
def clip():
    return load_clip("embedded", precision="fp32")


@pytest.fixture
def segmenter(clip, fixed_proposer, fixed_parser):
    return assemble(clip, fixed_proposer, parser=fixed_parser)


@pytest.fixture
def store(segmenter):
    return SessionStore(segmenter, Limits())


@pytest.fixture
def reading_store(clip, fixed_proposer, parser):
    """Of a segmenter that reads colours."""
    return SessionStore(assemble(clip, fixed_proposer, parser=parser), Limits())


@pytest.fixture
def tab(store, noise):
    return store.encode(noise, "street.png")[0]


WEIGHTS = {"alpha": 0.85, "beta": 0.5}


def known(answer):
    """Why, as if what the phrase names were surely there."""
    return dataclasses.replace(answer.why, note=None)


def content(href):
    return base64.b64decode(href.partition("base64,")[2])


def test_a_phrase_is_answered_as_the_scene_answers_it(store, tab, segmenter, noise):
    found = store.find(tab, "the red car", WEIGHTS)
    expected = assemble(
        segmenter.method.encoder,
        segmenter.proposer,
        settings=WEIGHTS,
        parser=segmenter.parser,
    )
    assert np.array_equal(found.answer.scores, expected.look(noise).find("the red car").scores)
    assert found.tab.expression == "the red car"
    assert found.milliseconds > 0


def test_other_weights_change_scores_without_encoding_again(segmenter, noise):
    shapes = []

    class Counting:
        def propose(self, image):
            shapes.append(image.shape)
            return segmenter.proposer.propose(image)

    store = SessionStore(
        assemble(segmenter.method.encoder, Counting(), parser=segmenter.parser), Limits()
    )
    tab, _ = store.encode(noise, "street.png")
    scores = [
        store.find(tab, "the red car", {"alpha": alpha, "beta": beta}).answer.scores
        for alpha, beta in ((0.0, 0.5), (1.0, 0.5), (1.0, 0.0))
    ]
    assert len(shapes) == 1
    assert not np.allclose(scores[0], scores[1])
    assert not np.allclose(scores[1], scores[2])


def test_weights_that_a_method_lacks_are_ignored(clip, fixed_proposer, fixed_parser, noise):
    cropping = assemble(clip, fixed_proposer, method="cropping", parser=fixed_parser)
    store = SessionStore(cropping, Limits())
    tab, _ = store.encode(noise, "street.png")
    found = store.find(tab, "the red car", {"alpha": 0.3, "beta": 1.0})
    assert np.array_equal(found.answer.scores, cropping.look(noise).find("the red car").scores)


def test_former_phrases_are_listed_once(store, tab):
    for phrase in ("a cat", "a dog", "a cat"):
        tab = store.find(tab, phrase, WEIGHTS).tab
    assert tab.phrases == ("a cat", "a dog")
    assert tab.expression == "a cat"


def test_invalid_queries(clip, fixed_proposer, noise):
    store = SessionStore(assemble(clip, fixed_proposer), Limits())
    tab, _ = store.encode(noise, "street.png")
    with pytest.raises(ExpressionError, match="got an empty one"):
        store.find(tab, " ", WEIGHTS)
    with pytest.raises(ConfigurationError, match="alpha is from 0 to 1"):
        store.find(tab, "a cat", {"alpha": 2.0, "beta": 0.5})
    store.delete(tab)
    with pytest.raises(InputError, match=r"street.png was deleted to save memory"):
        store.find(tab, "a cat", WEIGHTS)


def test_images_that_are_too_large_are_rejected(segmenter, noise):
    with pytest.raises(ImageError, match=r"street.png has 80x60 .* make it smaller"):
        SessionStore(segmenter, Limits(pixels=60 * 80 - 1)).encode(noise, "street.png")
    with pytest.raises(ImageError, match="too many regions for the memory"):
        SessionStore(segmenter, Limits(scene_bytes=4 * 60 * 80)).encode(noise, "street.png")


def test_scenes_of_tabs_are_limited(segmenter, noise):
    store = SessionStore(segmenter, Limits(scenes=2))
    first, second, third = (store.encode(noise, f"{n}.png")[0] for n in range(3))
    for tab in (third, second):
        assert len(store.find(tab, "a cat", WEIGHTS).answer.scores) == 4
    with pytest.raises(InputError, match=r"0.png was deleted"):
        store.find(first, "a cat", WEIGHTS)


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


def test_ranks_and_probabilities(store, tab):
    found = store.find(tab, "the red car", WEIGHTS, (), "one").answer
    found = dataclasses.replace(found, why=known(found))
    shown = views.answer(found)
    assert sum(shown["probabilities"]) == pytest.approx(1, abs=1e-3)
    assert [shown["order"][0]] == shown["chosen"] == [found.best]
    assert (shown["other"], shown["other_name"]) == (found.why.runner_up, "Runner-up")
    assert shown["measure"] == "score"
    assert sorted(shown["standing"], reverse=True) == [shown["standing"][i] for i in shown["order"]]


def test_what_decides_is_shown_by_its_name(store, tab):
    found = store.find(tab, "the red car", WEIGHTS, (), "one")
    shares = np.array([0.1, 0.4, 0.3, 0.2], np.float32)
    answer = dataclasses.replace(found.answer, chosen=(1,), expected_iou=shares)
    shown = views.answer(answer)
    assert (shown["measure"], shown["order"]) == ("expected IoU", [1, 2, 3, 0])
    assert shown["standing"] == pytest.approx(shares, abs=1e-3)
    reasons = views.caption(dataclasses.replace(found, answer=answer))["reasons"]
    assert reasons.endswith("(expected IoU).") or answer.confidence is None


def test_an_image_without_regions_has_no_answer(segmenter, noise):
    class Nothing:
        def propose(self, image):
            return MaskProposals.empty(*image.shape[:2])

    blind = assemble(segmenter.method.encoder, Nothing(), parser=segmenter.parser)
    store = SessionStore(blind, Limits())
    found = store.find(store.encode(noise, "street.png")[0], "a cat", WEIGHTS)
    assert views.answer(found.answer)["order"] == []
    assert views.caption(found)["verdict"] == "No answer"
    assert "No regions" in views.caption(found)["reasons"]
    assert views.caption(found)["unsure"]
    assert views.caption(found)["share"] is None


@pytest.mark.parametrize(
    ("text", "noun", "parts"),
    [
        (
            "the red car on the left",
            "the red car",
            [("the red car", "target"), (" on the left", "")],
        ),
        ("mangos of a man", "man", [("mangos of a ", ""), ("man", "target")]),
        ("left", "something else", [("left", "")]),
    ],
)
def test_without_a_parse_the_noun_phrase_is_marked(segmenter, noise, text, noun, parts):
    scene = segmenter.look(noise)
    answer = scene.find_phrases([TargetPhrase(text, text, noun, noun)])[0]
    tab = Tab("", "street.png", 4, 0.1, (text,), text)
    weights = {"alpha": 0.7, "beta": 0.5}
    shown = views.caption(TabAnswer(tab, answer, weights, 12.3))
    assert [(piece["text"], piece["role"]) for piece in shown["pieces"]] == parts
    assert "answered in 12 ms" in shown["foot"]
    assert "alpha 0.70 · beta 0.50" in shown["foot"]


@pytest.fixture(scope="module")
def parser():
    return PhraseParser()


@pytest.mark.parametrize(
    ("text", "marks"),
    [
        ("both zebras", {"both": "count", "zebras": "target"}),
        (
            "the second  red car from the left",
            {"second": "order", "red": "colour", "car": "target", "left": "order"},
        ),
        (
            "Bigger mug next to the white laptop on the desk",
            {
                "Bigger": "size",
                "mug": "target",
                "next to": "relation",
                "white": "colour",
                "laptop": "landmark",
                "on the": "relation",
                "desk": "landmark",
            },
        ),
        ("the mug, not the red one", {"mug": "target", "not": "excluded", "red": "colour"}),
        ("man and woman in front", {"man": "target", "woman": "target", "front": "depth"}),
        ("thing that never was", {"thing": "target", "never": "unread"}),
    ],
)
def test_words_are_marked_with_what_they_were_read_as(parser, text, marks):
    (phrase,) = parser([text])
    shown = pieces(phrase, {})
    assert "".join(piece["text"] for piece in shown) == phrase.text
    found = {piece["text"]: piece["role"] for piece in shown if piece["role"]}
    assert marks.items() <= found.items()


def test_words_of_a_landmark_hold_its_regions(parser):
    (phrase,) = parser(["the mug next to the white laptop"])
    (relation,) = phrase.reading.relations
    shown = {piece["text"]: piece["regions"] for piece in pieces(phrase, {relation.landmark: (2,)})}
    assert (shown["laptop"], shown["white"], shown["mug"]) == ([2], [2], [])


def test_a_relations_landmark_is_found_among_the_regions(segmenter, noise):
    reading = Reading("car", "car", relations=(Relation("near", Reading("dog", "dog")),))
    answer = segmenter.look(noise).find_phrases([TargetPhrase(*["a car"] * 4, reading)])[0]
    (found,) = answer.why.landmarks.values()
    assert len(found) == 1
    assert found[0] in range(4)


def test_terms_and_the_number_of_things_are_chosen_without_encoding_again(
    reading_store, noise, monkeypatch
):
    store, segmenter = reading_store, reading_store.segmenter
    tab = store.encode(noise, "street.png")[0]
    tab = store.find(tab, "the red car", WEIGHTS).tab
    texts, method = [], type(segmenter.method)
    encode = method.encode_text
    monkeypatch.setattr(
        method, "encode_text", lambda self, given: texts.extend(given) or encode(self, given)
    )
    monkeypatch.setattr(method, "encode_image", None)
    with_colour, without = (
        store.find(tab, "the red car", WEIGHTS, terms, "one").answer for terms in (("colour",), ())
    )
    assert texts == []
    assert set(with_colour.why.terms) == {"similarity", "colour"}
    assert set(without.why.terms) == {"similarity"}
    assert len(without.chosen) == 1
    every = store.find(tab, "the red car", WEIGHTS, (), "all").answer
    assert len(every.chosen) != 1 or every.absent
    for terms, answers in ((("gravity",), "one"), ((), "some")):
        with pytest.raises(ConfigurationError, match=r"gravity|some"):
            store.find(tab, "the red car", WEIGHTS, terms, answers)


def test_leads_name_the_term_that_decides(reading_store, noise):
    tab = reading_store.encode(noise, "street.png")[0]
    found = reading_store.find(tab, "the red car", WEIGHTS, ("colour",), "one")
    shown = views.caption(found)
    why, best = found.answer.why, found.answer.best
    assert {lead["name"] for lead in shown["leads"]} == {"similarity", "colour"}
    assert [lead["name"] for lead in shown["leads"] if lead["decides"]] == [why.deciding(best)]
    assert shown["sentence"] == found.answer.reasons != ""


def test_what_is_not_found_is_said_and_can_be_compared(store, tab):
    found = store.find(tab, "the zebra", WEIGHTS, (), "auto")
    assert found.answer.absent
    shown, caption = views.answer(found.answer), views.caption(found)
    assert caption["verdict"] == "Not found: nothing here looks like 'zebra'"
    assert (caption["unsure"], caption["leads"], caption["sentence"]) == (True, [], "")
    assert shown["chosen"] == []
    assert (shown["other"], shown["other_name"]) == (shown["order"][0], "Most alike")


def test_several_things_are_counted(store, tab):
    found = store.find(tab, "the red car", WEIGHTS, (), "one")
    two = dataclasses.replace(found.answer, chosen=(1, 3), share=0.8, why=known(found.answer))
    caption = views.caption(dataclasses.replace(found, answer=two))
    assert caption["verdict"].startswith("2 things. 80% confidence")
    assert views.answer(two)["chosen"] == [1, 3]


def test_unsure_answers_are_called_so(store, tab):
    found = store.find(tab, "the red car", WEIGHTS, (), "one")
    shown = views.caption(found)
    assert shown["unsure"] == found.answer.unsure
    assert shown["verdict"].startswith("Unsure: ") == found.answer.unsure
    assert ("guess" in shown["reasons"]) == found.answer.unsure


@pytest.mark.parametrize("known", [True, False])
def test_no_percentage_is_shown_where_it_means_nothing(segmenter, noise, known):
    scene = segmenter.look(noise).asked_by(with_choice(segmenter, (), "one"))
    if known:  # one region only
        scene = scene.segmenter.look(noise, scene.proposals[0])
    answer = scene.find("the red car")
    if not known:
        why = dataclasses.replace(answer.why, note="'gnu' is not known")
        answer = dataclasses.replace(answer, why=why)
    tab = Tab("", "street.png", 4, 0.1, ("the red car",), "the red car")
    shown = views.caption(TabAnswer(tab, answer, WEIGHTS, 12.3))
    assert shown["verdict"] == f"Unsure: {answer.reason}"
    assert ("Only one region" in shown["reasons"]) == known
    assert shown["share"] is None
    assert "%" not in "".join(str(value) for value in shown.values())
    assert views.answer(answer)["unsure"]
    assert views.answer(answer)["probabilities"] is None


def test_the_card_says_which_model_answers(store, tab, segmenter):
    found = store.find(tab, "the red car", WEIGHTS)
    shown = views.caption(found)
    assert shown["label"] == segmenter.provenance.label == "emoji model: knows emoji scenes only"
    assert "model embedded" in shown["foot"]
    plain = dataclasses.replace(segmenter.provenance, label=None)
    found = dataclasses.replace(found, answer=dataclasses.replace(found.answer, provenance=plain))
    assert views.caption(found)["label"] is None


def test_files_hold_the_mask_and_the_record(store, tab):
    store.find(tab, "a cat", WEIGHTS)
    found = store.find(store.find(tab, "a cat", WEIGHTS).tab, "the red car", WEIGHTS)
    files = views.files(found)
    assert files["mask"]["name"] == "street-02-the-red-car.mask.png"
    assert files["record"]["name"] == "street-02-the-red-car.json"
    mask = np.array(Image.open(io.BytesIO(content(files["mask"]["href"]))))
    assert np.array_equal(mask > 0, found.answer.mask)
    record = json.loads(content(files["record"]["href"]))
    assert record.pop("image") == "street.png"
    assert record == found.answer.to_dict()
    assert record["provenance"] == found.answer.provenance.to_dict()
    assert record["provenance"]["method"].startswith("global-local:alpha=0.85,beta=0.5")


def test_examples_are_photographs_unless_the_model_knows_scenes_only():
    for model in ("offline", "ViT-B-32-quickgelu"):
        shown = [(example.name, example.phrase) for example in examples(model)]
        assert ("astronaut.png", "the helmet") in shown
        assert ("chelsea.png", "the cat") in shown
        assert "the snowman" not in dict(shown).values()
        assert not [name for name, _ in shown if name.startswith("scene")]


def test_example_scenes_are_of_all_kinds_and_different_images():
    shown = examples("embedded")
    assert len(shown) == len(KINDS)
    assert len({example.name for example in shown}) == len(shown)
    assert all(example.phrase for example in shown)
    small = Image.open(io.BytesIO(content(shown[0].to_dict()["src"])))
    assert max(small.size) <= 240
