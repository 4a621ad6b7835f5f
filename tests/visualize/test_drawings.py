"""Answers and proposals as drawings."""

import dataclasses
import io

import numpy as np
import pytest
from PIL import Image

from refmask import MaskProposals, Provenance, Segmentation, TargetPhrase, Why
from refmask.visualize.overlay import ANSWER, RUNNER_UP, UNSURE, UNSURE_INK, overlay, png
from refmask.visualize.proposals import draw, draw_readably
from refmask.visualize.sheet import sheet
from refmask.visualize.thumbnail import thumbnail


@pytest.fixture
def answer(noise, fixed_proposer):
    proposals = fixed_proposer.propose(noise)
    scores = np.array([1.0, 4.0, 3.0, -2.0], np.float32)
    phrase = TargetPhrase("the cat on a mat", "the cat on a mat", "the cat", "cat")
    why = Why(phrase, 2, 1.0)
    return Segmentation(proposals, scores, (1,), 0.7, why)


def count(drawing, colour):
    return int((drawing == np.array(colour)).all(axis=2).sum())


def test_the_overlay_shows_answer_runner_up_and_phrase(noise, answer):
    drawing = overlay(noise, answer)
    top, left = drawing[:480, :640], 320
    assert drawing.dtype == np.uint8
    # The answer is the upper right quarter: its outline is there and nowhere far from it.
    assert count(top[:250, left - 8 :], ANSWER) > 1000
    assert count(top[260:, : left - 10], ANSWER) == 0
    # The runner-up is the lower left quarter, in dashes: about half of a closed line.
    assert 300 < count(top[230:, : left + 10], RUNNER_UP) < count(top[:250, left - 8 :], ANSWER)
    # The caption holds the phrase, with the noun phrase in the answer's colour.
    caption = drawing[480:]
    assert count(caption, ANSWER) > 50
    assert count(caption, (25, 25, 30)) > 50


def test_several_things_are_outlined_one_by_one(noise, answer):
    # The upper quarters: their common edge is drawn only where each has an outline of its own.
    both = overlay(noise, dataclasses.replace(answer, chosen=(1, 0)))
    assert count(both[20:200, 310:330], ANSWER) > 300
    proposals = MaskProposals(
        np.stack([answer.proposals.masks[:2].any(axis=0), *answer.proposals.masks])
    )
    merged = dataclasses.replace(
        answer, proposals=proposals, chosen=(0,), scores=np.array([5, 1, 4, 3, -2], np.float32)
    )
    assert count(overlay(noise, merged)[20:200, 310:330], ANSWER) == 0


def test_what_is_absent_is_not_drawn(noise, answer):
    why = dataclasses.replace(answer.why, runner_up=None, note="nothing here looks like 'cat'")
    absent = overlay(noise, dataclasses.replace(answer, chosen=(), why=why))
    assert count(absent[:480], ANSWER) == count(absent[:480], RUNNER_UP) == 0
    assert (rim(absent) == UNSURE).all()
    assert count(absent[480:], UNSURE_INK) > 50


def test_the_reason_has_a_line(noise, answer):
    terms = {"similarity": np.array([1.0, 4.0, 3.0, -2.0])}
    told = dataclasses.replace(answer, why=dataclasses.replace(answer.why, terms=terms))
    assert told.reasons == "it looks most like 'the cat'"
    assert overlay(noise, told).shape[0] == overlay(noise, answer).shape[0] + 22


@pytest.mark.parametrize(
    "text", ["${alert(1)}", "<script>alert(1)</script>", "bell \x07", "\u202e"]
)
def test_texts_become_pixels_and_nothing_else(noise, answer, text):
    phrase = TargetPhrase(text, text, text, text)
    answer = dataclasses.replace(answer, why=dataclasses.replace(answer.why, phrase=phrase))
    file = png(sheet([overlay(noise, answer)], 1))
    assert Image.open(io.BytesIO(file)).info == {}
    assert b"alert" not in file


def rim(drawing):
    """Its outermost pixels, uint8 (P, 3)."""
    edges = drawing[0], drawing[-1], drawing[:, 0], drawing[:, -1]
    return np.concatenate(edges)


def test_an_unsure_answer_has_a_frame_and_no_percentage_in_its_place(noise, answer):
    sure = answer
    calm = overlay(noise, sure)
    assert not (rim(calm) == UNSURE).all(axis=1).any()
    for unsure in (
        dataclasses.replace(sure, share=0.3),
        dataclasses.replace(sure, why=dataclasses.replace(sure.why, note="blank image")),
    ):
        drawing = overlay(noise, unsure)
        assert drawing.shape == calm.shape
        assert (rim(drawing) == UNSURE).all()
        inside = drawing[486:-6, 6:-6]
        assert count(inside, UNSURE_INK) > 50  # the verdict, in its place
        assert count(inside, ANSWER) < count(calm[486:-6, 6:-6], ANSWER)


def test_a_caption_shows_what_decides(noise, answer):
    by_score = answer
    shares = np.linspace(0.1, 0.4, len(by_score.scores), dtype=np.float32)
    agreed, other = (
        dataclasses.replace(by_score, expected_iou=shares, scores=scores)
        for scores in (by_score.scores, by_score.scores - 7)
    )
    drawn = overlay(noise, agreed)
    assert np.array_equal(drawn, overlay(noise, other))  # no score is shown beside it
    assert not np.array_equal(drawn, overlay(noise, by_score))


def test_a_caption_tells_the_model(noise, answer):
    origin = Provenance("embedded", None, "grouping", "global", "1", "emoji model: no photographs")
    heights = [
        len(overlay(noise, dataclasses.replace(answer, provenance=source)))
        for source in (None, origin)
    ]
    assert heights[1] > heights[0]


def test_thumbnails_of_unsure_answers_have_the_frame(noise, answer):
    mask = answer.mask
    calm = thumbnail(noise, mask, ["1. a.png"])
    framed = thumbnail(noise, mask, ["1. a.png"], unsure=True)
    assert (rim(framed) == UNSURE).all()
    assert np.array_equal(framed[6:-6, 6:-6], calm[6:-6, 6:-6])


@pytest.mark.parametrize(("size", "width"), [((1, 1), 640), ((60, 80), 640), ((20, 4000), 1280)])
def test_overlays_of_any_size(size, width):
    image, mask = np.zeros((*size, 3), np.uint8), np.ones((1, *size), np.bool_)
    why = Why(TargetPhrase("a " * 300 + "cat", "a " * 300 + "cat", "cat", "cat"), None, 0.0)
    one = Segmentation(MaskProposals(mask), np.ones(1, np.float32), (0,), 1.0, why)
    drawing = overlay(image, one)
    assert drawing.shape[1] == width
    nothing = Segmentation(MaskProposals.empty(*size), np.ones(0, np.float32), (), 0.0, why)
    assert overlay(image, nothing).shape[1] == width


def test_the_sheet():
    drawings = [np.full((h, w, 3), v, np.uint8) for h, w, v in ((4, 6, 1), (8, 2, 2), (3, 9, 3))]
    paper = sheet(drawings, columns=2, gap=1)
    assert paper.shape == (1 + 8 + 1 + 3 + 1, 1 + 9 + 1 + 2 + 1, 3)
    assert [(paper == v).all(axis=2).sum() for v in (1, 2, 3)] == [24, 16, 27]


def test_every_proposal_is_drawn_in_its_own_colour_with_the_smaller_on_top():
    image = np.full((20, 30, 3), 100, np.uint8)
    masks = np.zeros((3, 20, 30), np.bool_)
    masks[0, 8:12, 8:12] = masks[1, 2:18, 2:18] = masks[2, 4:9, 22:28] = True
    drawn = draw(image, MaskProposals(masks))
    inside = [tuple(drawn[place]) for place in ((10, 10), (5, 5), (6, 25), (0, 0))]
    assert len(set(inside)) == 4
    assert inside[3] == (100, 100, 100)
    assert (drawn[8, 8] != drawn[10, 10]).any()  # a contour is stronger than what it holds
    assert np.array_equal(draw(image, MaskProposals.empty(20, 30)), image)


def test_contours_are_those_of_whole_masks(noise, fixed_proposer):
    from refmask.visualize.overlay import outline

    proposals = fixed_proposer.propose(noise)[:1]
    plain = noise.astype(np.float32)
    outline(plain, proposals.masks[0], (255, 51, 51))
    line = (plain == (255, 51, 51)).all(axis=2)
    assert line.sum() == 2 * (30 + 40) - 4
    assert (draw(noise, proposals)[line] == (255, 51, 51)).all()


def test_masks_that_vanish_when_made_smaller_do_no_harm():
    masks = np.zeros((2, 4, 6000), np.bool_)
    masks[0, 1, 1] = masks[1, :, 3000:] = True
    drawn = draw_readably(np.zeros((4, 6000, 3), np.uint8), MaskProposals(masks))
    assert drawn.shape == (1, 1280, 3)
    assert drawn.any()
