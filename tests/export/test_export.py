"""Answers as files."""

import io

import numpy as np
import pytest

from refmask import ConfigurationError, MaskProposals
from refmask.export.folder import answer_names, image_folders
from refmask.export.proposals import npz
from refmask.ops.files import write_whole


def test_names():
    from pathlib import Path

    assert answer_names(["The red car!", "左の人", "?", "x" * 99]) == [
        "01-the-red-car",
        "02-左の人",
        "03",
        "04-" + "x" * 40,
    ]
    paths = [Path(name) for name in ("a.png", "sub/a.jpg", "b.png", "a.gif")]
    assert image_folders(paths) == ["a", "a-2", "b", "a-3"]


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
