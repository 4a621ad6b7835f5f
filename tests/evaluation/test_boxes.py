"""Choice among boxes of known categories."""

import gzip
import json

import pytest

from refmask import InputError
from refmask.classifier.words import load_words
from refmask.cli import main
from refmask.evaluation.boxes import Categories, box_records, box_summary, read_boxes
from refmask.reading import Reading
from refmask.terms import TERMS, phrase_of
from refmask.text.parser import PhraseParser

WEIGHTS = {name: 1.0 for name in TERMS if name != "colour"}
BOXES = [[0, 40, 40, 90], [100, 40, 140, 90], [50, 10, 90, 90], [145, 20, 200, 95]]
CATEGORIES = ["cat", "cat", "dog", "person"]
QUESTIONS = {"left cat": 0, "right cat": 1, "the dog": 2, "cat next to the man": 1, "woman": 3}


def line(expression, target, **changed):
    fields = {"expression": expression, "target": target, "width": 200, "height": 100}
    return json.dumps({**fields, "boxes": BOXES, "categories": CATEGORIES, **changed})


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "some.jsonl.gz"
    path.write_bytes(gzip.compress("\n".join(line(*one) for one in QUESTIONS.items()).encode()))
    return path


@pytest.fixture(scope="module")
def parser():
    return PhraseParser()


def test_the_right_boxes_are_chosen(file, parser):
    records = list(box_records(list(read_boxes(file)), parser, Categories(load_words()), WEIGHTS))
    assert [record["chosen"] for record in records] == list(QUESTIONS.values())
    assert all(record["right"] for record in records)
    assert records[0]["reading"] == "cat (place left)"
    assert records[0]["kinds"] == ["place"]
    assert 0.5 < records[0]["confidence"] <= 1
    without = list(box_records(list(read_boxes(file)), parser, Categories(load_words()), {}))
    assert without[0]["confidence"] == pytest.approx(0.5, abs=0.05)


def test_noise_and_the_prior(file, parser):
    queries, categories = list(read_boxes(file)), Categories(load_words())

    def confidences(**given):
        found = box_records(queries, parser, categories, WEIGHTS, **given)
        return [record["confidence"] for record in found]

    assert confidences(noise=1.0) == confidences(noise=1.0)
    assert confidences(noise=1.0) != confidences(noise=1.0, seed=1)
    assert confidences(prior=2.0) != confidences()


def test_an_expression_that_cannot_be_read_stops_nothing(tmp_path, parser):
    path = tmp_path / "odd.jsonl"
    path.write_text("\n".join(line(text, 0) for text in ("", "x" * 3000, "left cat")))
    records = list(box_records(list(read_boxes(path)), parser, Categories(load_words()), WEIGHTS))
    assert [record["reading"] for record in records] == ["?", "?", "cat (place left)"]
    assert records[2]["right"]


def test_a_summary_tells_groups_and_calibration():
    records = [
        {"right": True, "by_chance": 1.0, "tied": 1, "confidence": 0.95, "kinds": ["place"]},
        {"right": True, "by_chance": 0.5, "tied": 2, "confidence": 0.5, "kinds": []},
        {"right": False, "by_chance": 0.5, "tied": 2, "confidence": 0.5, "kinds": []},
        {"right": False, "by_chance": 0.0, "tied": 1, "confidence": 0.95, "kinds": []},
    ]
    summary = box_summary(records)
    assert summary["all"] == {"right": 0.5, "by_chance": 0.5, "expressions": 4}
    one = {"right": 1.0, "by_chance": 1.0, "expressions": 1}
    assert summary["spatial"] == summary["place"] == one
    assert summary["tied"] == {"right": 0.5, "by_chance": 0.5, "expressions": 2}
    assert summary["ece"] == summary["ece_by_chance"] == pytest.approx(0.225)


def test_of_boxes_that_tie_the_first_is_chosen_and_chance_is_told(tmp_path, parser):
    path = tmp_path / "ties.jsonl"
    path.write_text("\n".join(line("the cat", target) for target in (0, 1, 2)))
    records = list(box_records(list(read_boxes(path)), parser, Categories(load_words()), {}))
    assert [record["right"] for record in records] == [True, False, False]
    assert [record["by_chance"] for record in records] == [0.5, 0.5, 0.0]
    assert [record["tied"] for record in records] == [2, 2, 2]


def test_nouns_find_their_categories():
    categories = Categories(load_words())

    def likeliest(noun):
        scores = categories.scores(phrase_of(Reading(noun, noun)), CATEGORIES)
        return None if scores is None else CATEGORIES[int(scores.argmax())]

    assert [likeliest(noun) for noun in ("kitten", "puppy", "lady", "him")] == [
        *("cat", "dog", "person", "person")
    ]
    assert likeliest("qwrt") is None


@pytest.mark.parametrize(
    "content",
    [
        b"nonsense",
        line("cat", 9).encode(),
        line("cat", 0, categories=["cat"]).encode(),
        line("cat", 0, boxes="none").encode(),
        line("cat", 0, width=0).encode(),
        line("cat", 1.5).encode(),
        line("cat", 0, boxes=[[float("nan")] * 4] * 4).encode(),
        b"[]",
        line(7, 0).encode(),
    ],
)
def test_faulty_lines_are_named(tmp_path, content):
    path = tmp_path / "bad.jsonl"
    path.write_bytes(line("cat", 0).encode() + b"\n" + content)
    with pytest.raises(InputError, match=r"line 2 of .*bad\.jsonl"):
        list(read_boxes(path))


def test_a_file_that_is_no_gzip(tmp_path):
    path = tmp_path / "bad.jsonl.gz"
    path.write_bytes(b"plain")
    with pytest.raises(InputError, match=r"bad\.jsonl\.gz is no whole gzip file"):
        list(read_boxes(path))


def test_a_file_that_unpacks_to_more_than_the_limit(tmp_path, monkeypatch):
    monkeypatch.setenv("REFMASK_LIMITS", "file=1MB")
    path = tmp_path / "large.jsonl.gz"
    path.write_bytes(gzip.compress(bytes(10**6 + 1)))
    with pytest.raises(InputError, match=r"large\.jsonl\.gz, unpacked, would take 1000001 bytes"):
        list(read_boxes(path))


def test_the_command(file, tmp_path, capsys):
    out = tmp_path / "run"
    assert main(["evaluate", "boxes", "--file", str(file), "--out", str(out)]) == 0
    told = capsys.readouterr().out
    assert "all" in told
    assert "100.0%" in told
    records = [json.loads(text) for text in (out / "samples.jsonl").read_text().splitlines()]
    assert [record["expression"] for record in records] == list(QUESTIONS)
    assert json.loads((out / "summary.json").read_text())["all"]["right"] == 1.0
    assert (
        main(["evaluate", "boxes", "--file", str(file), "--terms", "none", "--out", str(out)]) == 0
    )
    assert json.loads((out / "summary.json").read_text())["all"]["right"] < 1.0


@pytest.mark.parametrize("options", [[], ["--file", "none.jsonl"], ["--noise", "-1"]])
def test_faults_of_the_command(options, file, capsys):
    more = ["--file", str(file)] if "--noise" in options else []
    assert main(["evaluate", "boxes", *options, *more]) == 2
    assert capsys.readouterr().err.startswith("refmask: error: ")
