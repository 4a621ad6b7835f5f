"""Table 5: what the global feature adds is the right instance, not the right class."""

from __future__ import annotations

from pathlib import Path

from refmask.metrics import intervals
from refmask.reproduce import paper
from refmask.reproduce.context import REFCOCOG_VAL, VIT, ExperimentContext
from refmask.reproduce.sweep import sweep
from refmask.reproduce.table import Table, interval_cell
from refmask.reproduce.table3 import notes, own_blend

FIGURES = ("MC-ACC", "CC-oIoU", "oIoU")


def make(context: ExperimentContext) -> list[Path]:
    """Right classes and overlap of the two features and of their blend, out of one pass.

    As the blend, a feature is the same on both sides: the global visual one meets the whole
    expression, the local one the noun phrase (the paper's oIoU are those of table 3's diagonal).
    """
    (column, *_) = context.columns((REFCOCOG_VAL,))
    found = sweep(context, column, VIT)
    blends = {"global": (1.0, 1.0), "local": (0.0, 0.0)}
    blends["global-local"] = own_blend(context, column)
    table = Table(f"Table 5, {column.label}", list(blends), list(FIGURES), notes=notes(context))
    for row, blend in blends.items():
        figures = intervals(found[blend])
        for name in FIGURES:
            printed = None if context.on_scenes else paper.TABLE_5[row][name]
            if name in figures:
                table.cells[row, name] = interval_cell(figures[name], printed)
    return context.write_table(table, "table5")
