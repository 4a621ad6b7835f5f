"""Where the image stands that an expression was said about."""

from itertools import islice

import pytest
import reranking
from tables_work import reranking as table

from refmask.data.scenes import read_scenes


def test_ranks_are_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(reranking, "ASKED", (0, 2))
    told = reranking.measure(list(islice(read_scenes(), 2)), tmp_path)
    assert told["images"] == 2
    found, again = told["rows"]
    for row in (found, again):
        assert 0.5 < row["mean"] <= 1
        assert row["mean"] == pytest.approx(
            (1 + row["first"]) / 2
        )  # of two images, each is first or second
    assert "| none |" in table(told)
