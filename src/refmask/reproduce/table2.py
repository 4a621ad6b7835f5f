"""Table 2: all methods on the data sets' own instances, so that only the choice is judged."""

from __future__ import annotations

from pathlib import Path

from refmask.reproduce import paper
from refmask.reproduce.context import REFCOCOG_VAL, RESNET, VIT, Column, ExperimentContext
from refmask.reproduce.rows import Row, rows_of
from refmask.reproduce.table import Table, cell, rules_of

COLUMNS = (
    Column("RefCOCO val", "refcoco", "val"),
    Column("RefCOCO+ val", "refcoco+", "val"),
    REFCOCOG_VAL,
)
ROWS = (
    Row("grad-cam", RESNET),
    Row("score-map", RESNET),
    Row("region-token", VIT),
    Row("cropping", VIT),
    Row("global-local", VIT),
)
#: Besides the paper's oIoU, how often the right instance was chosen: here it means most.
FIGURES = ("oIoU", "choice")


def make(context: ExperimentContext) -> list[Path]:
    """Evaluate every method with the instances as proposals; Markdown and CSV."""
    columns = context.columns(COLUMNS)
    rows, notes = rows_of(context, ROWS)
    names = [f"{column.label} {figure}" for column in columns for figure in FIGURES]
    table = Table(
        "Table 2, instances as proposals", [r.label(context) for r in rows], names, notes=notes
    )
    for column in columns:
        for row in rows:
            segmenter = context.segmenter(row.tower, row.method, column)
            summary = context.evaluate(
                column, segmenter, f"{row.label(context)} instances", instances=True
            )
            printed = None if context.on_scenes else paper.TABLE_2[row.method][column.dataset]
            for figure, paper_figure in zip(FIGURES, (printed, None), strict=True):
                name = f"{column.label} {figure}"
                table.cells[row.label(context), name] = cell(summary, figure, paper_figure)
            notes += [note for note in rules_of(summary) if note not in notes]
    return context.write_table(table, "table2")
