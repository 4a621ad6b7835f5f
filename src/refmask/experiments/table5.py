"""Table 5: what the global feature adds is the right instance, not the right class."""

from __future__ import annotations

from pathlib import Path

from refmask.experiments import paper
from refmask.experiments.setting import REFCOCOG_VAL, VIT, Setting
from refmask.experiments.sweep import sweep
from refmask.experiments.table import Table, interval_cell
from refmask.experiments.table3 import notes, own_blend
from refmask.metrics import intervals

FIGURES = ("MC-ACC", "CC-oIoU", "oIoU")


def make(setting: Setting) -> list[Path]:
    """Right classes and overlap of the two features and of their blend, out of one pass.

    As the blend, a feature is the same on both sides: the global visual one meets the whole
    expression, the local one the noun phrase (the paper's oIoU are those of table 3's diagonal).
    """
    (column, *_) = setting.columns((REFCOCOG_VAL,))
    found = sweep(setting, column, VIT)
    blends = {"global": (1.0, 1.0), "local": (0.0, 0.0)}
    blends["global-local"] = own_blend(setting, column)
    table = Table(f"Table 5, {column.label}", list(blends), list(FIGURES), notes=notes(setting))
    for row, blend in blends.items():
        figures = intervals(found[blend])
        for name in FIGURES:
            printed = None if setting.on_scenes else paper.TABLE_5[row][name]
            if name in figures:
                table.cells[row, name] = interval_cell(figures[name], printed)
    return setting.write_table(table, "table5")
