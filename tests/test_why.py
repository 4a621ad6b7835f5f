"""The reasons of an answer in words."""

import numpy as np
import pytest

from refmask import TargetPhrase, Why
from refmask.reading import Cue, Reading, Relation

LAPTOP = Reading("laptop", "old laptop", cues=(Cue("place", "left"),), attributes=("red",))


def why(terms, things=3, runner_up=1, **reading):
    """Of two men; the first is the answer."""
    text = "the man"
    said = TargetPhrase(text, text, text, "man", Reading("man", "man", **reading))
    return Why(said, runner_up, 1.0, {k: np.array(v) for k, v in terms.items()}, None, things)


@pytest.mark.parametrize(
    ("name", "reading", "sentence"),
    [
        ("place", {"cues": (Cue("place", "left"),)}, "the leftmost of 3; the runner-up is further"),
        ("place", {"cues": (Cue("place", "top", negated=True),)}, "not the highest of 3"),
        ("order", {"cues": (Cue("order", "left", 1),)}, "the second from the left of 3"),
        ("order", {"cues": (Cue("order", "", -1),)}, "the last of 3"),
        ("size", {"cues": (Cue("size", "tall"),)}, "the tallest of 3; the runner-up is shorter"),
        ("depth", {"cues": (Cue("depth", "near"),)}, "the nearest of 3; the runner-up is further"),
        ("edge", {"cues": (Cue("edge", "edge"),)}, "the nearest to the edge of 3"),
        ("edge", {"cues": (Cue("alone"),)}, "the one that stands most alone"),
        ("relation", {"relations": (Relation("near", LAPTOP),)}, "it is next to 'left red old l"),
        ("relation", {"relations": (Relation("on", LAPTOP, True),)}, "it is not on 'left red old"),
        ("colour", {"attributes": ("red",)}, "more of it is red"),
        ("exclusion", {"excluded": (LAPTOP,)}, "the runner-up is rather 'left red old laptop', wh"),
        ("similarity", {}, "it looks most like 'the man'"),
    ],
)
def test_the_deciding_term_is_told_in_a_sentence(name, reading, sentence):
    told = why({"similarity": [1.0, 1.0], name: [2.0, 0.5]}, **reading)
    assert told.deciding(0) == name
    assert told.sentence(0).startswith(sentence)


def test_the_term_that_leads_most_decides():
    told = why({"similarity": [0.0, 2.0], "place": [3.0, -1.0], "size": [0.5, 0.0]})
    assert told.leads(0) == {"similarity": -2.0, "place": 4.0, "size": 0.5}
    assert told.deciding(0) == "place"
    assert why({"similarity": [0.0, 2.0]}).deciding(0) is None


def test_without_a_runner_up_or_an_answer_nothing_decides():
    for told, best in (
        (why({"place": [1.0, 0.0]}, runner_up=None), 0),
        (why({"place": [1]}), None),
    ):
        assert (told.leads(best), told.deciding(best), told.sentence(best)) == ({}, None, "")


def test_reasons_in_json_have_the_reading_and_every_term():
    fields = why({"place": [1.0, -0.5]}, cues=(Cue("place", "left"),)).to_dict(0)
    assert fields["terms"] == {"place": {"answer": 1.0, "runner_up": -0.5}}
    assert (fields["deciding"], fields["things"]) == ("place", 3)
    assert fields["reading"]["cues"][0]["value"] == "left"
    assert why({"place": [1.0, -0.5]}).to_dict(None)["terms"]["place"]["answer"] is None
