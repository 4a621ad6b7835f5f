"""``refmask phrases`` and the files it reads."""

import json
from pathlib import Path

import pytest

from refmask.cli import main
from refmask.cli.expressions import read_expressions
from refmask.errors import ExpressionError

GOLDEN = Path(__file__).parents[1] / "golden/clip/expressions.json"


def lines(capsys):
    return capsys.readouterr().out.splitlines()


def test_expressions_on_the_command_line(capsys):
    assert main(["phrases", "left guy in red", "second zebra from right"]) == 0
    assert lines(capsys) == [
        "left guy in red\tleft guy\tguy",
        "second zebra from right\tsecond zebra\tzebra",
    ]


def test_json_lines_hold_the_reading_too(capsys):
    assert main(["phrases", "left guy in red", "--json"]) == 0
    (line,) = lines(capsys)
    fields = json.loads(line)
    (cue,) = fields.pop("reading")["cues"]
    assert cue == {"kind": "place", "value": "left", "negated": False}
    assert fields == {"expression": "left guy in red", "noun_phrase": "left guy", "head": "guy"}


def test_readings_as_trees(capsys):
    assert main(["phrases", "left guy in red", "--tree"]) == 0
    assert lines(capsys) == ["guy", "  colour red", "  place left"]


def test_a_parse_in_the_file_replaces_the_parser(capsys):
    words = ["phrases", "--expressions", str(GOLDEN), "--json", "--compat", "reference"]
    assert main(words) == 0
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))["expressions"]
    printed = [json.loads(line) for line in lines(capsys)]
    assert [f["noun_phrase"] for f in printed] == [g["noun_phrase"] for g in golden]
    assert [f["expression"] for f in printed] == [g["raw"] for g in golden]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("e.txt", "\ufeffa dog\r\n\n  \nred car\n"),
        ("e.json", '["a dog", {"raw": "red car"}]'),
        ("e.json", '{"expressions": [{"expression": "a dog"}, "red car"]}'),
        ("e.jsonl", '{"expression": "a dog"}\n\n"red car"\n'),
    ],
)
def test_four_forms_of_file(tmp_path, name, content):
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    assert [entry.text for entry in read_expressions(path)] == ["a dog", "red car"]


def test_a_noun_phrase_in_the_file_is_used_unchanged(tmp_path, capsys):
    path = tmp_path / "e.jsonl"
    path.write_text(json.dumps({"expression": "red thing", "noun_phrase": "some  mug"}))
    assert main(["phrases", "--expressions", str(path)]) == 0
    assert lines(capsys) == ["red thing\tsome mug\tmug"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("e.txt", b"\n \n", "holds no expressions"),
        ("e.txt", b"\xff\xfe\x00", "UTF-8"),
        ("e.json", b"{", "JSON"),
        ("e.json", b"[" * 200_000, "JSON"),
        ("e.json", b'{"texts": []}', "'expressions'"),
        ("e.json", b"3", "is not a list"),
        ("e.json", b"[3]", "has int"),
        ("e.jsonl", b'{"expression": 3}', "line 1"),
        ("e.jsonl", b'"a dog"\n{"words": ["a"]}', "line 2"),
        ("e.json", b'[{"raw": "dog", "words": ["dog"]}]', "only words"),
        ("e.json", b'[{"raw": "a", "words": ["a"], "heads": ["0"], "deps": [], "pos": []}]', "int"),
        ("e.json", b'[{"raw": "a dog", "noun_phrase": " "}]', "noun_phrase"),
    ],
)
def test_bad_files_are_refused_in_one_line(tmp_path, capsys, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    assert main(["phrases", "--expressions", str(path)]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.startswith("refmask: error: ")
    assert error.count("\n") == 1


def test_a_missing_file_and_no_expression_are_refused(tmp_path, capsys):
    with pytest.raises(ExpressionError, match="check the path"):
        read_expressions(tmp_path / "none.txt")
    assert main(["phrases"]) == 2
    assert "--expressions FILE" in capsys.readouterr().err


def test_a_missing_pipeline_is_one_line(capsys):
    assert main(["phrases", "a dog", "--parser", "xx_no_such_pipeline"]) == 2
    assert "spacy download xx_no_such_pipeline" in capsys.readouterr().err
