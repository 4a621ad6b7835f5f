"""Table 2: all methods on the data sets' own instances, so that only the choice is judged."""

from __future__ import annotations

from pathlib import Path

from refmask.experiments import paper
from refmask.experiments.rows import Row, rows_of
from refmask.experiments.setting import REFCOCOG_VAL, RESNET, VIT, Column, Setting
from refmask.experiments.table import Table, cell, rules_of

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


def make(setting: Setting) -> list[Path]:
    """Evaluate every method with the instances as proposals; Markdown and CSV."""
    columns = setting.columns(COLUMNS)
    rows, notes = rows_of(setting, ROWS)
    names = [f"{column.label} {figure}" for column in columns for figure in FIGURES]
    table = Table(
        "Table 2, instances as proposals", [r.label(setting) for r in rows], names, notes=notes
    )
    for column in columns:
        for row in rows:
            segmenter = setting.segmenter(row.tower, row.method, column)
            summary = setting.evaluate(
                column, segmenter, f"{row.label(setting)} instances", instances=True
            )
            printed = None if setting.on_scenes else paper.TABLE_2[row.method][column.dataset]
            for figure, paper_figure in zip(FIGURES, (printed, None), strict=True):
                name = f"{column.label} {figure}"
                table.cells[row.label(setting), name] = cell(summary, figure, paper_figure)
            notes += [note for note in rules_of(summary) if note not in notes]
    return setting.write_table(table, "table2")
