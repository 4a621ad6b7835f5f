"""Answers as drawings, records and files."""

import io

import numpy as np
import pytest

from refmask import ConfigurationError, MaskProposals, Segmentation, TargetPhrase, Why
from refmask.export.folder import answer_names, picture_folders
from refmask.export.overlay import ANSWER, RUNNER_UP, overlay
from refmask.export.proposals import draw, npz
from refmask.export.record import record
from refmask.export.sheet import sheet
from refmask.ops import rle
from refmask.ops.files import write_whole


@pytest.fixture
def answer(noise, fixed_proposer):
    proposals = fixed_proposer.propose(noise)
    scores = np.array([1.0, 4.0, 3.0, -2.0], np.float32)
    phrase = TargetPhrase("the cat on a mat", "the cat on a mat", "the cat", "cat")
    why = Why(phrase, 2, 1.0)
    return proposals, Segmentation(proposals.masks[1], scores, 1, 0.7, why)


def count(drawing, colour):
    return int((drawing == np.array(colour)).all(axis=2).sum())


def test_the_overlay_shows_answer_runner_up_and_phrase(noise, answer):
    proposals, segmentation = answer
    drawing = overlay(noise, proposals, segmentation)
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


@pytest.mark.parametrize(("size", "width"), [((1, 1), 640), ((60, 80), 640), ((20, 4000), 1280)])
def test_overlays_of_any_size(size, width):
    from refmask import MaskProposals

    image, mask = np.zeros((*size, 3), np.uint8), np.ones((1, *size), np.bool_)
    why = Why(TargetPhrase("a " * 300 + "cat", "a " * 300 + "cat", "cat", "cat"), None, 0.0)
    drawing = overlay(
        image, MaskProposals(mask), Segmentation(mask[0], np.ones(1, np.float32), 0, 1.0, why)
    )
    assert drawing.shape[1] == width
    nothing = Segmentation(~mask[0], np.ones(0, np.float32), None, 0.0, why)
    assert overlay(image, MaskProposals.empty(*size), nothing).shape[1] == width


def test_the_record(answer):
    proposals, segmentation = answer
    fields = record(segmentation, proposals, top=9)
    assert [c["proposal"] for c in fields["candidates"]] == [1, 2, 0, 3]
    assert fields["answer"] == fields["candidates"][0]
    assert fields["runner_up"] == fields["candidates"][1]
    assert sum(c["probability"] for c in fields["candidates"]) == pytest.approx(1, abs=1e-3)
    assert fields["answer"]["box"] == [40, 0, 80, 30]
    assert np.array_equal(rle.decode(fields["answer"]["segmentation"]), segmentation.mask)


def test_names():
    from pathlib import Path

    assert answer_names(["The red car!", "左の人", "?", "x" * 99]) == [
        "01-the-red-car",
        "02-左の人",
        "03",
        "04-" + "x" * 40,
    ]
    paths = [Path(name) for name in ("a.png", "sub/a.jpg", "b.png", "a.gif")]
    assert picture_folders(paths) == ["a", "a-2", "b", "a-3"]


def test_files_are_whole_or_not_there(tmp_path, monkeypatch):
    path = tmp_path / "new" / "file.bin"
    write_whole(path, b"one")
    write_whole(path, b"two")
    assert path.read_bytes() == b"two"
    assert path.stat().st_mode & 0o777 == (tmp_path / "new").stat().st_mode & 0o666

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", fail)
    with pytest.raises(ConfigurationError, match=r"cannot write .*No space left"):
        write_whole(path, b"three")
    assert [file.read_bytes() for file in path.parent.iterdir()] == [b"two"]
    with pytest.raises(ConfigurationError, match=r"cannot write .*below"):
        write_whole(path / "below", b"four")  # a file is in the way


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


def test_no_proposals_make_a_file_too():
    with np.load(io.BytesIO(npz(MaskProposals.empty(20, 30)))) as arrays:
        assert arrays["masks_shape"].tolist() == [0, 20, 30]
        assert arrays["masks_packed"].shape == (0, 75)


def test_details_go_before_what_is_usual():
    mask = np.ones((1, 4, 4), np.bool_)
    details = {"boxes": np.full((1, 4), 0.5, np.float32), "cells": np.zeros((1, 4), np.int16)}
    with np.load(io.BytesIO(npz(MaskProposals(mask, details=details)))) as arrays:
        assert arrays["boxes"].tolist() == [[0.5] * 4]
        assert arrays["cells"].dtype == np.int16
