"""Table 3: which visual feature meets which textual one."""

from __future__ import annotations

from pathlib import Path

from refmask import compat
from refmask.evaluation.summary import rules
from refmask.experiments import paper
from refmask.experiments.setting import REFCOCOG_VAL, VIT, Column, Setting
from refmask.experiments.sweep import Blend, sweep
from refmask.experiments.table import Table, interval_cell
from refmask.metrics import intervals

#: The paper's blend of the two features (equations 5 and 8).
BLEND: Blend = (0.85, 0.5)


def make(setting: Setting) -> list[Path]:
    """Three visual by three textual features on a split, out of one pass."""
    (column, *_) = setting.columns((REFCOCOG_VAL,))
    found = sweep(setting, column, VIT)
    alpha, beta = own_blend(setting, column)
    visual = {"global": 1.0, "local": 0.0, "global-local": alpha}
    textual = {"global": 1.0, "local": 0.0, "global-local": beta}
    table = Table(
        f"Table 3, oIoU, {column.label}",
        [f"visual {name}" for name in visual],
        [f"text {name}" for name in textual],
        notes=[f"global-local is alpha {alpha} and beta {beta}", *notes(setting)],
    )
    for row, a in visual.items():
        for name, b in textual.items():
            printed = None if setting.on_scenes else paper.TABLE_3[row][name]
            figure = intervals(found[a, b])["oIoU"]
            table.cells[f"visual {row}", f"text {name}"] = interval_cell(figure, printed)
    return setting.write_table(table, "table3")


def notes(setting: Setting) -> list[str]:
    """The rules of an experiment that is read off a sweep."""
    record = compat.by_name(setting.compat, "vit")
    limited = [] if setting.first is None else [f"only the first {setting.first} pictures"]
    return [*rules(record, chooses=True), *limited]


def own_blend(setting: Setting, column: Column) -> Blend:
    """The blend of the model's card on scenes, else the paper's; both are of the grid."""
    method = setting.segmenter(VIT, "global-local", column).method
    alpha, beta = getattr(method, "alpha", BLEND[0]), getattr(method, "beta", BLEND[1])
    return (round(float(alpha), 2), round(float(beta), 1))
