"""Table 3: which visual feature meets which textual one."""

from __future__ import annotations

from pathlib import Path

from refmask import compat
from refmask.evaluation.summary import rules
from refmask.metrics import intervals
from refmask.reproduce import paper
from refmask.reproduce.context import REFCOCOG_VAL, VIT, Column, ExperimentContext
from refmask.reproduce.sweep import Blend, sweep
from refmask.reproduce.table import Table, interval_cell

#: The paper's blend of the two features (equations 5 and 8).
BLEND: Blend = (0.85, 0.5)


def make(context: ExperimentContext) -> list[Path]:
    """Three visual by three textual features on a split, out of one pass."""
    (column, *_) = context.columns((REFCOCOG_VAL,))
    found = sweep(context, column, VIT)
    alpha, beta = own_blend(context, column)
    visual = {"global": 1.0, "local": 0.0, "global-local": alpha}
    textual = {"global": 1.0, "local": 0.0, "global-local": beta}
    table = Table(
        f"Table 3, oIoU, {column.label}",
        [f"visual {name}" for name in visual],
        [f"text {name}" for name in textual],
        notes=[f"global-local is alpha {alpha} and beta {beta}", *notes(context)],
    )
    for row, a in visual.items():
        for name, b in textual.items():
            printed = None if context.on_scenes else paper.TABLE_3[row][name]
            figure = intervals(found[a, b])["oIoU"]
            table.cells[f"visual {row}", f"text {name}"] = interval_cell(figure, printed)
    return context.write_table(table, "table3")


def notes(context: ExperimentContext) -> list[str]:
    """The rules of an experiment that is read off a sweep."""
    record = compat.by_name(context.compat, "vit")
    limited = [] if context.first is None else [f"only the first {context.first} pictures"]
    return [*rules(record, chooses=True), *limited]


def own_blend(context: ExperimentContext, column: Column) -> Blend:
    """The blend of the model's card on scenes, else the paper's; both are of the grid."""
    method = context.segmenter(VIT, "global-local", column).method
    alpha, beta = getattr(method, "alpha", BLEND[0]), getattr(method, "beta", BLEND[1])
    return (round(float(alpha), 2), round(float(beta), 1))
