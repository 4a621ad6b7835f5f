"""A smaller run of ``make attack``, and that the attack sees what it looks for."""

import os
import pickle
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from attack.all_kinds import all_kinds
from attack.gadgets import gadgets
from attack.kinds import Kind

from attack import kills, report, work
from refmask.errors import InputError, RefmaskWarning

#: Kinds that need most of a second to begin with, and are asked by tests of their own.
SLOW = {"HTTP", "phrases", "scenes"}
KINDS = [kind.name for kind in all_kinds(Path("canary")) if kind.name not in SLOW]
CASES = 25


@pytest.fixture(scope="module")
def watched():
    made = work.Watched(seed=1)
    yield made
    made.close()


@pytest.mark.parametrize("name", KINDS)
def test_changed_inputs_are_read_or_refused(watched, name):
    tried = len(watched.kinds[name].hostile)
    numbers = [*range(0, tried, 40), *range(tried * 3, tried * 3 + CASES)]
    faults = [fault for number in numbers for fault in watched.run(name, number)]
    assert faults == []


@pytest.mark.parametrize("name", KINDS)
def test_unchanged_inputs_are_read(watched, name, tmp_path):
    kind = watched.kinds[name]
    kind.write(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RefmaskWarning)  # of values beyond white
        for changed in kind.changed or kind.files:
            kind.read(tmp_path, changed)


@pytest.fixture
def prey(watched, monkeypatch):
    """Has a reader be attacked; gives what was found."""

    def attacked(read):
        kind = Kind("prey", {"a.txt": b"12"}, lambda folder, name: read(folder / name))
        monkeypatch.setitem(watched.kinds, "prey", kind)
        return [fault.what for number in range(5) for fault in watched.run("prey", number)]

    return attacked


def test_faults_are_seen(prey, watched, monkeypatch):
    def refuse(path):
        raise InputError(f"no {path}")

    assert prey(refuse) == []
    assert prey(lambda path: path.read_bytes()) == []
    assert prey(lambda _: {}["a"]) == [work.TRACEBACK] * 5
    assert prey(lambda _: os.system("true")) == [work.CODE] * 5
    assert prey(lambda _: watched.canary.touch()) == [work.CODE] * 5
    monkeypatch.setattr(work, "MEMORY", 50_000_000)
    assert work.OVER_MEMORY in prey(lambda _: b"\1" * 200_000_000)


def test_cases_are_made_again_from_their_numbers(watched):
    for kind in watched.kinds.values():
        assert [kind.case(3, n) for n in range(40)] == [kind.case(3, n) for n in range(40)]
        tried = len(kind.hostile) * len(kind.changed or kind.files)
        assert len({kind.case(seed, tried + 1) for seed in range(9)}) > 2


def test_gadgets_do_run_where_they_may(tmp_path):
    canary = tmp_path / "canary"
    made = gadgets(canary)
    assert len(made) > 600
    ran = 0
    for number in (0, 1, 2, 3, 6):  # ways to call os.system
        (tmp_path / "a.p").write_bytes(made[number])
        program = f"import pickle; pickle.load(open({str(tmp_path / 'a.p')!r}, 'rb'))"
        subprocess.run([sys.executable, "-c", program], stderr=subprocess.DEVNULL, check=False)
        ran += canary.exists()
        canary.unlink(missing_ok=True)
    assert ran == 5
    assert pickle.loads(pickle.dumps(1)) == 1  # noqa: S301 - our own, and nothing is left behind


def test_the_table_counts_by_kind():
    tally = report.Tally(["a", "b"])
    tally.add(work.Share("a", range(10, 20)), 1.0, [work.Fault("a", 3, work.CODE, "")])
    assert tally.bad
    assert "| a | 10 | 0 | 1 | 0 | 0 | 1 |" in report.table(tally)
    assert "| all | 10 | 0 | 1 | 0 | 0 | 1 |" in report.table(tally)
    assert report.kills_table([]) == ""


def test_a_killed_export_ends_as_an_unbroken_one(tmp_path):
    # Kills of the other commands: see ``evaluate``, ``batch``, the index and the store.
    inputs = kills.made_inputs(tmp_path / "inputs", images=2)
    (one,) = kills.killed("export", inputs, tmp_path / "out", kills=1, seed=0)
    assert one.right, one.told


def test_half_written_files_are_seen(tmp_path):
    (tmp_path / "a.txt").write_text("whole")
    whole = kills.tree(tmp_path)
    (tmp_path / "a.txt").write_text("who")
    assert kills.difference(whole, kills.tree(tmp_path)) == "1 differ, such as a.txt"
    (tmp_path / ".temporary").write_text("x")
    (tmp_path / "a.txt").write_text("whole")
    assert kills.difference(whole, kills.tree(tmp_path)) == ""
