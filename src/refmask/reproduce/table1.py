"""Table 1: all methods on all splits, with the proposals' upper bound."""

from __future__ import annotations

from pathlib import Path

from refmask.reproduce import paper
from refmask.reproduce.context import Column, ExperimentContext
from refmask.reproduce.rows import rows_of
from refmask.reproduce.table import Cell, Table, cell, rules_of

NAMES = {"refcoco": "RefCOCO", "refcoco+": "RefCOCO+", "refcocog": "RefCOCOg"}
SPLIT_BY = {"(U)": "umd", "(G)": "google"}
METRICS = ("oIoU", "mIoU")


def make(context: ExperimentContext) -> list[Path]:
    """Evaluate every method on every split; one table per metric, as Markdown and CSV."""
    columns = context.columns(tuple(_column(*pair) for pair in paper.COLUMNS))
    rows, notes = rows_of(context)
    labels = [row.label(context) for row in rows]
    others = dict.fromkeys(name for column in columns for name in context.others(column))
    upper = f"upper bound {context.proposer_name}"
    tables = {
        metric: Table(
            f"Table 1, {metric}",
            [*labels, *_reported(context, metric), *others, upper],
            [column.label for column in columns],
            notes=notes,
        )
        for metric in METRICS
    }
    for number, column in enumerate(columns):
        for row in rows:
            summary = context.evaluate(
                column, context.segmenter(row.tower, row.method, column), row.label(context)
            )
            for metric, table in tables.items():
                own = _printed(context, metric, (row.method, row.tower), number)
                table.cells[row.label(context), column.label] = cell(summary, metric, own)
                best = _printed(context, metric, paper.UPPER_BOUND, number)
                table.cells[upper, column.label] = cell(summary, f"upper {metric}", best)
            notes += [note for note in rules_of(summary) if note not in notes]
        for name, path in context.others(column).items():
            summary = context.score(column, path, name)
            for metric, table in tables.items():
                table.cells[name, column.label] = cell(summary, metric)
        for metric, table in tables.items():
            for name, printed in _reported(context, metric).items():
                table.cells[name, column.label] = Cell(paper=printed[number])
    return [
        path
        for metric, table in tables.items()
        for path in context.write_table(table, f"table1-{metric}")
    ]


def _reported(context: ExperimentContext, metric: str) -> dict[str, tuple[float | None, ...]]:
    """Other systems' figures as the paper reports them, by name."""
    if context.on_scenes:
        return {}
    if metric == "oIoU":
        return {"LAVT, supervised, as reported": paper.LAVT}
    return {"TSEG, weakly supervised, as reported": paper.TABLE_1[metric]["TSEG", "reported"]}


def _printed(context: ExperimentContext, metric: str, row: paper.Row, number: int) -> float | None:
    """The paper's figure, where it is about the same data and proposals."""
    same = not context.on_scenes and context.proposer_name == "freesolo"
    return paper.TABLE_1[metric][row][number] if same else None


def _column(dataset: str, split: str) -> Column:
    name, _, letter = split.partition(" ")
    return Column(f"{NAMES[dataset]} {split}", dataset, name, SPLIT_BY.get(letter))
