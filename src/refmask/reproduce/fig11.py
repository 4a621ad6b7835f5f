"""Figure 11: overall IoU against alpha and against beta (equations 5 and 8)."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from refmask.metrics import intervals
from refmask.reproduce.context import VIT, Column, ExperimentContext
from refmask.reproduce.plotting import (
    Curve,
    Row,
    check_plotting,
    draw_curve,
    panels,
    write_figure,
)
from refmask.reproduce.sweep import ALPHAS, BETAS, Blend, sweep
from refmask.reproduce.table2 import COLUMNS
from refmask.reproduce.table3 import notes, own_blend

AXES = (
    "alpha: weight of the global visual feature",
    "beta: weight of the whole expression",
)


class Swept(NamedTuple):
    """One data set's curves.

    Attributes:
        column: the data set.
        own: the blend that the other weight is held at.
        curves: over alpha and over beta.
    """

    column: Column
    own: Blend
    curves: tuple[Curve, Curve]


def make(context: ExperimentContext) -> list[Path]:
    """Two panels with a curve per data set, each out of one pass; PDF, PNG, CSV and caption."""
    check_plotting()
    swept = [_swept(context, column) for column in context.columns(COLUMNS)]
    figure, axes = panels(2, one_scale=True)
    for place, (panel, label) in enumerate(zip(axes, AXES, strict=True)):
        for number, data in enumerate(swept):
            draw_curve(panel, data.curves[place], number, marked=data.own[place])
        panel.set(xlabel=label, xlim=(-0.02, 1.02))
    axes[0].set_ylabel("oIoU (%)")
    axes[0].legend(frameon=False)
    held = [f"{data.column.label}: alpha {data.own[0]}, beta {data.own[1]}" for data in swept]
    caption = (
        f"# Figure 11, oIoU by blend, global-local {context.tower_name(VIT)}\n\n"
        "Left, alpha is swept and beta held; right, beta is swept and alpha held. Each curve's "
        "large marker is the blend that is held; bands are 95 % intervals."
    )
    rows = [row for data in swept for row in _rows(data)]
    return write_figure(context, "fig11", figure, rows, caption, [*held, *notes(context)])


def _swept(context: ExperimentContext, column: Column) -> Swept:
    found = sweep(context, column, VIT)
    own = own_blend(context, column)
    curves = (Curve(column.label), Curve(column.label))
    for value in ALPHAS:
        curves[0].add(value, intervals(found[value, own[1]])["oIoU"])
    for value in BETAS:
        curves[1].add(value, intervals(found[own[0], value])["oIoU"])
    return Swept(column, own, curves)


def _rows(data: Swept) -> list[Row]:
    alpha, beta = data.own
    blends = ([(x, beta) for x in data.curves[0].x], [(alpha, x) for x in data.curves[1].x])
    rows: list[Row] = []
    for name, curve, pairs in zip(("alpha", "beta"), data.curves, blends, strict=True):
        for (a, b), figures in zip(pairs, curve.figures(), strict=True):
            rows.append(
                {"data": data.column.label, "swept": name, "alpha": a, "beta": b, **figures}
            )
    return rows
