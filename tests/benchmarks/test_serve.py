"""Figures of a load: what counts as an answer, and what as a fault."""

import load
import pytest
import serve
import tables_work
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


def test_kinds_are_mixed_as_their_shares_say_and_always_the_same():
    kinds = load.order(2000)
    assert kinds == load.order(2000)
    assert sum(share for share, _ in load.KINDS.values()) == 100
    for kind, (share, _) in load.KINDS.items():
        assert kinds.count(kind) == pytest.approx(20 * share, rel=0.4)


def test_a_load_is_told_by_kind():
    answers = [load.Answer("find", 200, 0.1), load.Answer("find", 200, 0.3)]
    told = load.rows([*answers, load.Answer("cut", 0, 0.001)])
    assert [row["kind"] for row in told] == ["find", "cut"]
    shown = tables_work.mixed({"rows": told})
    assert "| find | 2 | 200 ms | 290 ms | 300 ms | 2 x 200 |" in shown
    assert shown.endswith("1 x no answer awaited |")
    assert "| memory in MB | 1 | 2 |" in tables_work.resident({"memory": [(0, 10**6), (5, 2e6)]})


def test_faults_of_a_load():
    flat = [(number, 10**9) for number in range(11)]
    good = [load.Answer("find", 200, 0.1), load.Answer("bad", 422, 0.1), load.Answer("cut", 0, 0)]
    assert load.faults(good, flat) == []
    assert load.faults([*good, load.Answer("bad", 500, 0.1)], flat) == ["bad: 500, 1 times"]
    grown = [(number, 10**9 + number * 10**8) for number in range(11)]
    assert len(load.faults(good, grown)) == 1
