"""Figure 9: what the noun phrase adds to the whole expression, by the expression's length."""

from __future__ import annotations

from pathlib import Path

from refmask.metrics import PairedGain, by_length, compare, figures
from refmask.reproduce.context import VIT, Column, ExperimentContext
from refmask.reproduce.plotting import Row, check_plotting, draw_bars, panels, write_figure
from refmask.reproduce.sweep import sweep
from refmask.reproduce.table2 import COLUMNS
from refmask.reproduce.table3 import notes, own_blend

#: Of one data set, by length: number of expressions, gain, and oIoU of both texts.
Gains = dict[str, tuple[int, PairedGain, float, float]]


def make(context: ExperimentContext) -> list[Path]:
    """Bars per data set and length, read off the sweep; PDF, PNG, CSV and caption."""
    check_plotting()
    columns = context.columns(COLUMNS)
    found = [_gains(context, column) for column in columns]
    lengths = sorted({name for gains in found for name in gains}, key=_shortest)
    figure, (panel,) = panels(width=6.0)
    for number, (column, gains) in enumerate(zip(columns, found, strict=True)):
        of_group = {lengths.index(name): gain for name, (_, gain, _, _) in gains.items()}
        draw_bars(
            panel,
            {group: 100 * gain.gain for group, gain in of_group.items()},
            column.label,
            (number, len(columns)),
            {group: (100 * gain.low, 100 * gain.high) for group, gain in of_group.items()},
        )
    panel.axhline(0, color="0.25", linewidth=0.8)
    shown = [f"{_shortest(name)}+" if name.endswith("-") else name for name in lengths]
    panel.set_xticks(range(len(lengths)), shown)
    panel.set(xlabel="words of the expression", ylabel="gain in oIoU (points)")
    panel.legend(frameon=False)
    held = [f"{c.label}: alpha {a}, beta {b}" for c in columns for a, b in [own_blend(context, c)]]
    caption = (
        f"# Figure 9, gain of the global-local text, global-local {context.tower_name(VIT)}\n\n"
        "oIoU with both texts (the data set's beta) minus oIoU with the whole expression alone "
        "(beta 1), by the expression's number of words. The visual blend is the same in both; "
        "bars show 95 % intervals of the paired gain."
    )
    rows = [row for c, gains in zip(columns, found, strict=True) for row in _rows(c, gains)]
    return write_figure(context, "fig9", figure, rows, caption, [*held, *notes(context)])


def _gains(context: ExperimentContext, column: Column) -> Gains:
    alpha, beta = own_blend(context, column)
    found = sweep(context, column, VIT)
    both, whole = by_length(found[alpha, beta]), by_length(found[alpha, 1.0])
    return {
        name: (
            len(part),
            compare(part, whole[name])["oIoU"],
            figures(part)["oIoU"],
            figures(whole[name])["oIoU"],
        )
        for name, part in both.items()
    }


def _rows(column: Column, gains: Gains) -> list[Row]:
    return [
        {
            "data": column.label,
            "words": name,
            "expressions": count,
            "oIoU global-local text": 100 * both,
            "oIoU global text": 100 * whole,
            "gain": 100 * gain.gain,
            "low": 100 * gain.low,
            "high": 100 * gain.high,
            "p": gain.p,
        }
        for name, (count, gain, both, whole) in gains.items()
    ]


def _shortest(name: str) -> int:
    return int(name.partition("-")[0])
