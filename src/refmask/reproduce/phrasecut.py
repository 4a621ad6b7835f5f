"""PhraseCut: phrases about classes that no supervised system has seen (supplement)."""

from __future__ import annotations

from pathlib import Path

from refmask.reproduce import paper
from refmask.reproduce.context import VIT, Column, ExperimentContext
from refmask.reproduce.table import Cell, Table, cell, rules_of

COLUMNS = (
    Column("all", "phrasecut", "test"),
    Column("unseen", "phrasecut", "test", subset="unseen"),
)
METHOD = "global-local"


def make(context: ExperimentContext) -> list[Path]:
    """Evaluate global-local on all phrases and on unseen classes; Markdown and CSV."""
    columns = context.columns(COLUMNS)
    others = [] if context.on_scenes else [row for row in paper.PHRASECUT if row != METHOD]
    table = Table("PhraseCut, oIoU", [*others, METHOD], [column.label for column in columns])
    for column in columns:
        for row in others:
            table.cells[row, column.label] = Cell(paper=paper.PHRASECUT[row][column.label])
        segmenter = context.segmenter(VIT, METHOD, column)
        summary = context.evaluate(column, segmenter, f"{METHOD} {context.tower_name(VIT)}")
        printed = None if context.on_scenes else paper.PHRASECUT[METHOD][column.label]
        table.cells[METHOD, column.label] = cell(summary, "oIoU", printed)
        table.notes += [note for note in rules_of(summary) if note not in table.notes]
    return context.write_table(table, "phrasecut")
