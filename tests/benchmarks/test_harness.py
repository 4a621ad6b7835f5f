"""Taking turns, and what is kept of it."""

import json

import harness


def test_works_take_turns_and_the_first_does_not_count():
    done = []
    works = {name: lambda run, name=name: done.append((name, run)) for name in "ab"}
    seconds = harness.alternate(works, runs=2, warm=1)
    assert done == [("a", 0), ("b", 0), ("a", 1), ("b", 1), ("a", 2), ("b", 2)]
    assert {name: len(values) for name, values in seconds.items()} == {"a": 2, "b": 2}


def test_a_work_may_count_its_own_seconds():
    assert harness.alternate({"a": lambda run: run / 4}, runs=2) == {"a": [0.25, 0.5]}


def test_figures():
    assert harness.figures([3.0, 1.0, 9.0]) == {"median": 3.0, "least": 1.0, "most": 9.0}


def test_results_tell_the_machine(tmp_path):
    path = harness.write("some", {"rows": [1]}, tmp_path / "results")
    kept = json.loads(path.read_text())
    assert kept["rows"] == [1]
    assert {"processor", "flags", "threads", "torch", "commit", "date"} <= set(kept["machine"])
