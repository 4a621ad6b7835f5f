"""Table 1: all methods on all splits, with the proposals' upper bound."""

from __future__ import annotations

from pathlib import Path

from refmask.experiments import paper
from refmask.experiments.rows import rows_of
from refmask.experiments.setting import Column, Setting
from refmask.experiments.table import Cell, Table, cell, rules_of

NAMES = {"refcoco": "RefCOCO", "refcoco+": "RefCOCO+", "refcocog": "RefCOCOg"}
SPLIT_BY = {"(U)": "umd", "(G)": "google"}
METRICS = ("oIoU", "mIoU")


def make(setting: Setting) -> list[Path]:
    """Evaluate every method on every split; one table per metric, as Markdown and CSV."""
    columns = setting.columns(tuple(_column(*pair) for pair in paper.COLUMNS))
    rows, notes = rows_of(setting)
    labels = [row.label(setting) for row in rows]
    others = dict.fromkeys(name for column in columns for name in setting.others(column))
    upper = f"upper bound {setting.proposer_name}"
    tables = {
        metric: Table(
            f"Table 1, {metric}",
            [*labels, *_reported(setting, metric), *others, upper],
            [column.label for column in columns],
            notes=notes,
        )
        for metric in METRICS
    }
    for number, column in enumerate(columns):
        for row in rows:
            summary = setting.evaluate(
                column, setting.segmenter(row.tower, row.method, column), row.label(setting)
            )
            for metric, table in tables.items():
                own = _printed(setting, metric, (row.method, row.tower), number)
                table.cells[row.label(setting), column.label] = cell(summary, metric, own)
                best = _printed(setting, metric, paper.UPPER_BOUND, number)
                table.cells[upper, column.label] = cell(summary, f"upper {metric}", best)
            notes += [note for note in rules_of(summary) if note not in notes]
        for name, path in setting.others(column).items():
            summary = setting.score(column, path, name)
            for metric, table in tables.items():
                table.cells[name, column.label] = cell(summary, metric)
        for metric, table in tables.items():
            for name, printed in _reported(setting, metric).items():
                table.cells[name, column.label] = Cell(paper=printed[number])
    return [
        path
        for metric, table in tables.items()
        for path in setting.write_table(table, f"table1-{metric}")
    ]


def _reported(setting: Setting, metric: str) -> dict[str, tuple[float | None, ...]]:
    """Other systems' figures as the paper reports them, by name."""
    if setting.on_scenes:
        return {}
    if metric == "oIoU":
        return {"LAVT, supervised, as reported": paper.LAVT}
    return {"TSEG, weakly supervised, as reported": paper.TABLE_1[metric]["TSEG", "reported"]}


def _printed(setting: Setting, metric: str, row: paper.Row, number: int) -> float | None:
    """The paper's figure, where it is about the same data and proposals."""
    same = not setting.on_scenes and setting.proposer_name == "freesolo"
    return paper.TABLE_1[metric][row][number] if same else None


def _column(dataset: str, split: str) -> Column:
    name, _, letter = split.partition(" ")
    return Column(f"{NAMES[dataset]} {split}", dataset, name, SPLIT_BY.get(letter))
