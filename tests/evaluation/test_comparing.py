"""What one run gains over another, expression by expression."""

import json

import pytest

from refmask.compat import Compat
from refmask.errors import ConfigurationError, RefmaskError, RefmaskWarning
from refmask.evaluation.comparing import compare_runs, read_run
from refmask.evaluation.record import FIELDS


@pytest.fixture
def pair(evaluated, squares, guessing):
    return [
        read_run(evaluated(name, squares, guessing(shift=shift)))
        for name, shift in (("one", 0), ("two", 1))
    ]


def test_gains_are_the_differences_of_the_summaries(pair):
    found = compare_runs(*pair)
    one, two = (json.loads((run.folder / "summary.json").read_text())["figures"] for run in pair)
    assert set(found.gains) >= {"oIoU", "mIoU", "upper oIoU", "choice"}
    for name, (before, after) in found.figures.items():
        assert (before, after) == pytest.approx((one[name]["value"], two[name]["value"]))
        assert found.gains[name].gain == pytest.approx(after - before)
        assert found.gains[name].low <= after - before <= found.gains[name].high
    assert found.settings == {"shift": (0, 1)}
    assert (found.expressions, found.images, found.left_out) == (14, 5, 0)


def test_changes_come_largest_first_and_say_their_turn(pair):
    found = compare_runs(*pair)
    first, second = (run.records for run in pair)
    differing = [name for name in first if first[name]["iou"] != second[name]["iou"]]
    assert {change.first["query"] for change in found.changes} == set(differing)
    sizes = [abs(change.gain) for change in found.changes]
    assert sizes == sorted(sizes, reverse=True)
    better = [n for n in first if first[n]["iou"] < 0.5 <= second[n]["iou"]]
    worse = [n for n in first if second[n]["iou"] < 0.5 <= first[n]["iou"]]
    assert better
    assert worse
    assert found.turns("wrong -> right") == len(better)
    assert found.turns("right -> wrong") == len(worse)
    told = json.loads(json.dumps(found.to_dict()))
    assert {c["query"] for c in told["changes"] if c["turn"] == "wrong -> right"} == set(better)
    assert told["wrong_to_right"] == len(better)


def rewritten(folder, change):
    """The run with every record changed."""
    path = folder / "samples.jsonl"
    records = [change(json.loads(text)) for text in path.read_text().splitlines()]
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return folder


WRONG = (None, [], {}, "x", 7, 0.5, True)


@pytest.mark.parametrize("name", FIELDS)
def test_records_that_lack_something_or_hold_something_else_are_told(pair, name):
    first, second = pair
    folder = first.folder
    whole = (folder / "samples.jsonl").read_bytes()
    changes = [lambda record: {k: v for k, v in record.items() if k != name}]
    changes += [lambda record, value=value: record | {name: value} for value in WRONG]
    refused = 0
    for change in changes:
        (folder / "samples.jsonl").write_bytes(whole)
        try:
            compare_runs(read_run(rewritten(folder, change)), second)
        except RefmaskError:
            refused += 1
    assert refused


@pytest.mark.parametrize("name", ["system", "data", "split"])
@pytest.mark.parametrize("value", [None, 7, []])
def test_settings_that_are_none_are_told(pair, name, value):
    path = pair[0].folder / "configuration.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {name: value}))
    with pytest.raises(ConfigurationError, match=name):
        read_run(pair[0].folder)


def test_the_other_way_round_is_the_negative(pair):
    there, back = compare_runs(*pair), compare_runs(*reversed(pair))
    for name, gain in there.gains.items():
        assert back.gains[name].gain == pytest.approx(-gain.gain)
        assert back.gains[name].p == pytest.approx(gain.p)


def test_only_what_both_runs_count_is_compared(evaluated, squares, guessing):
    skips = Compat(skip_without_proposals=True)
    one = guessing(silent=("7",))
    other = guessing(silent=("3",), compat=skips)
    runs = [evaluated("one", squares, one), evaluated("two", squares, other, first=4)]
    # What the stand-in's configuration does not tell by itself.
    path = runs[1] / "configuration.json"
    told = json.loads(path.read_text()) | {"compat.skip_without_proposals": True}
    path.write_text(json.dumps(told))
    found = compare_runs(*map(read_run, runs))
    # Of 2, 3, 4, 2 and 3: "3" is left out by the rules, "2" was asked once only.
    assert (found.expressions, found.left_out) == (8, 6)


def test_a_run_against_itself_changes_nothing(pair):
    found = compare_runs(pair[0], pair[0])
    assert not found.changes
    assert {gain.gain for gain in found.gains.values()} == {0.0}


def test_other_data_are_refused(pair, evaluated, squares, guessing):
    squares.split = "test"
    other = read_run(evaluated("test", squares, guessing()))
    with pytest.raises(ConfigurationError, match=r"same data.*split: val and test"):
        compare_runs(pair[0], other)


def test_other_rules_for_targets_are_told(pair, evaluated, squares, guessing):
    squares.fingerprint = "e" * 64
    other = read_run(evaluated("apart", squares, guessing()))
    with pytest.warns(RefmaskWarning, match="by other rules"):
        compare_runs(pair[0], other)


def test_other_expressions_are_refused(pair):
    path = pair[1].folder / "samples.jsonl"
    path.write_text(path.read_text().replace("thing number 0", "nothing", 1))
    with pytest.raises(ConfigurationError, match="same expressions"):
        compare_runs(pair[0], read_run(pair[1].folder))


def test_a_folder_that_is_no_run(tmp_path, pair):
    with pytest.raises(ConfigurationError, match="'refmask evaluate'"):
        read_run(tmp_path)
    (pair[0].folder / "samples.jsonl").write_bytes(b"")
    with pytest.raises(ConfigurationError, match="has no whole record"):
        read_run(pair[0].folder)
    (pair[0].folder / "samples.jsonl").unlink()
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_run(pair[0].folder)
