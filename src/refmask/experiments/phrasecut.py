"""PhraseCut: phrases about classes that no supervised system has seen (supplement)."""

from __future__ import annotations

from pathlib import Path

from refmask.experiments import paper
from refmask.experiments.setting import VIT, Column, Setting
from refmask.experiments.table import Cell, Table, cell, rules_of

COLUMNS = (
    Column("all", "phrasecut", "test"),
    Column("unseen", "phrasecut", "test", subset="unseen"),
)
METHOD = "global-local"


def make(setting: Setting) -> list[Path]:
    """Evaluate global-local on all phrases and on unseen classes; Markdown and CSV."""
    columns = setting.columns(COLUMNS)
    others = [] if setting.on_scenes else [row for row in paper.PHRASECUT if row != METHOD]
    table = Table("PhraseCut, oIoU", [*others, METHOD], [column.label for column in columns])
    for column in columns:
        for row in others:
            table.cells[row, column.label] = Cell(paper=paper.PHRASECUT[row][column.label])
        segmenter = setting.segmenter(VIT, METHOD, column)
        summary = setting.evaluate(column, segmenter, f"{METHOD} {setting.tower_name(VIT)}")
        printed = None if setting.on_scenes else paper.PHRASECUT[METHOD][column.label]
        table.cells[METHOD, column.label] = cell(summary, "oIoU", printed)
        table.notes += [note for note in rules_of(summary) if note not in table.notes]
    return setting.write_table(table, "phrasecut")
