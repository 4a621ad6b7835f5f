"""Docs say what the results files say, and ``make bench`` runs all of it."""

import json
import re
import sys
from pathlib import Path

import bench
import pytest
import tables


@pytest.mark.parametrize("name", tables.PAGES)
def test_pages_agree_with_the_results(name):
    page, marks = (tables.DOCS / name).read_text(), tables.PAGES[name]
    assert tables.updated(page, marks) == page
    assert set(re.findall(r"<!-- (\w+) -->\n", page)) - {"end"} == set(marks)


def test_every_part_is_a_program_whose_results_are_shown():
    folder = Path(bench.__file__).parent
    assert all((folder / f"{part}.py").exists() for part in bench.PARTS)
    shown = {name for marks in tables.PAGES.values() for name, _ in marks.values()}
    assert shown == {*bench.PARTS, "gpu"}  # which not every machine has


def test_tables_are_made_anew(tmp_path):
    page = (
        "before\n<!-- rates -->\nold\n<!-- end -->\nbetween\n<!-- scaling -->\nkept\n<!-- end -->\n"
    )
    (tmp_path / "speed.json").write_text(json.dumps({"rates": {"fp32": 1e9, "bf16": 4e9}}))
    marks = {name: tables.PAGES["speed.md"][name] for name in ("rates", "scaling")}
    made = tables.updated(page, marks, tmp_path)
    assert "4.0 times as many" in made
    assert "old" not in made
    assert made.startswith("before\n<!-- rates -->\n")
    assert made.endswith("\n<!-- end -->\nbetween\n<!-- scaling -->\nkept\n<!-- end -->\n")


def test_one_part_that_fails_does_not_stop_the_others(tmp_path, monkeypatch, capfd):
    for name, code in (("good", "print('done')"), ("bad", "raise SystemExit(3)"), ("tables", "")):
        (tmp_path / f"{name}.py").write_text(code)
    monkeypatch.setattr(bench, "HERE", tmp_path)
    monkeypatch.setattr(bench, "PARTS", {"bad": [], "good": []})
    monkeypatch.setattr(sys, "argv", ["bench.py"])
    assert bench.main() == 1
    told = capfd.readouterr()
    assert "done" in told.out
    assert "failed: bad" in told.err
    monkeypatch.setattr(sys, "argv", ["bench.py", "good"])
    assert bench.main() == 0
