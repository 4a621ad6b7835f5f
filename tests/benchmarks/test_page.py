"""docs/speed.md says what the results files say, and ``make bench`` runs all of it."""

import json
import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import bench
import tables


def test_the_page_agrees_with_the_results():
    page = tables.PAGE.read_text()
    assert tables.updated(page) == page
    assert set(re.findall(r"<!-- (\w+) -->\n", page)) - {"end"} == set(tables.MARKS)


def test_every_part_is_a_program_whose_results_are_shown():
    folder = Path(bench.__file__).parent
    assert all((folder / f"{part}.py").exists() for part in bench.PARTS)
    assert {name for name, _ in tables.MARKS.values()} <= set(bench.PARTS)


def test_tables_are_made_anew(tmp_path):
    page = (
        "before\n<!-- rates -->\nold\n<!-- end -->\nbetween\n<!-- scaling -->\nkept\n<!-- end -->\n"
    )
    (tmp_path / "speed.json").write_text(json.dumps({"rates": {"fp32": 1e9, "bf16": 4e9}}))
    pages = {"rates": tables.MARKS["rates"], "scaling": tables.MARKS["scaling"]}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "MARKS", pages)
        made = tables.updated(page, tmp_path)
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
