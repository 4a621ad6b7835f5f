"""Figures of a load: what counts as an answer, and what as a fault."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import serve
from serve import Answer


def test_rows_count_answers_only():
    answers = [Answer(200, 0.1), Answer(200, 0.3), Answer(429, 0.001), Answer(200, 0.2)]
    told = serve.row("find", 2, answers, 1.5)
    assert told["per_second"] == pytest.approx(2)
    assert told["p50"] == pytest.approx(0.2)
    assert told["p95"] == pytest.approx(0.29)
    assert told["statuses"] == {"200": 3, "429": 1}
    shown = serve.load_table({"rows": [], "above": told})
    assert shown.endswith("| find | 2 | 2.0 | 200 ms | 290 ms | 3 x 200, 1 x 429 |")


def test_faults():
    good, late = ({"work": "find", "statuses": {status: 3}} for status in ("200", "503"))
    refused = {"statuses": {"200": 1, "429": 5}}
    assert serve.faults([good], refused) == []
    assert len(serve.faults([good, late], refused)) == 1
    assert len(serve.faults([good], {"statuses": {"200": 6}})) == 1
    assert len(serve.faults([good], {"statuses": {"200": 1, "429": 4, "500": 1}})) == 1


def test_phrases_are_never_the_same():
    some = serve.phrases()
    told = [next(some) for _ in range(100)]
    assert len(set(told)) == 100
