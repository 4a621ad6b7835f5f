"""The paper's figures over whole data sets: lengths, gains and blends (8, 9 and 11).

One function each: it returns the files it wrote, PDF, PNG, CSV and caption.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from statistics import mean
from typing import NamedTuple

from refmask.metrics import PairedGain, by_length, compare, compute_metrics, intervals
from refmask.reproduce.context import VIT, Column, ExperimentContext
from refmask.reproduce.plotting import (
    Curve,
    Row,
    check_plotting,
    draw_bars,
    draw_curve,
    panels,
    write_figure,
)
from refmask.reproduce.sweep import ALPHAS, BETAS, Blend, sweep
from refmask.reproduce.tables import VAL_COLUMNS, notes, own_blend

#: What is counted, and from which number on expressions share a bar (the CSV keeps them apart).
UNITS = {"words": 20, "nouns": 8}
#: Of one data set, by length: number of expressions, gain, and oIoU of both texts.
Gains = dict[str, tuple[int, PairedGain, float, float]]
#: Labels of figure 11.
AXES = (
    "alpha: weight of the global visual feature",
    "beta: weight of the whole expression",
)


def fig8(context: ExperimentContext) -> list[Path]:
    """How many words and how many nouns the expressions of each data set have."""
    check_plotting()
    columns = context.columns(VAL_COLUMNS)
    counted = [_counted(context, column) for column in columns]
    figure, axes = panels(len(UNITS), width=6.0)
    for panel, (unit, last) in zip(axes, UNITS.items(), strict=True):
        for number, (column, numbers) in enumerate(zip(columns, counted, strict=True)):
            label = f"{column.label} (mean {mean(numbers[unit]):.2f})"
            draw_bars(panel, _shares(numbers[unit], last), label, (number, len(columns)))
        there = [number for numbers in counted for number in numbers[unit]]
        ticks = range(min(*there, last), min(max(there), last) + 1)
        shown = [f"{number}+" if number == last < max(there) else str(number) for number in ticks]
        panel.set_xticks(ticks, shown)
        panel.set(xlabel=f"{unit} of the expression", ylabel="share of expressions (%)")
        panel.legend(frameon=False)
    caption = (
        "# Figure 8, words and nouns of expressions\n\n"
        "How many expressions have how many words, which spaces separate, and how many common and "
        "proper nouns, as the parser tags them. A bar with a + holds all that have more, too."
    )
    rows = [
        row for c, numbers in zip(columns, counted, strict=True) for row in _count_rows(c, numbers)
    ]
    notes = [
        f"{c.label}: {len(n['words'])} expressions" for c, n in zip(columns, counted, strict=True)
    ]
    return write_figure(context, "fig8", figure, rows, caption, [*notes, *_limits(context)])


def _counted(context: ExperimentContext, column: Column) -> dict[str, list[int]]:
    """Words and nouns of each expression."""
    said = [query.expression for s in context.samples(column) for query in s.queries]
    words = [len(expression.split()) for expression in said]
    return {"words": words, "nouns": context.phrase_parser.count_nouns(said)}


def _shares(numbers: list[int], last: int) -> dict[int, float]:
    """Percent of expressions by number, those beyond the last one included in it."""
    counts = Counter(min(number, last) for number in numbers)
    return {number: 100 * counts[number] / len(numbers) for number in sorted(counts)}


def _count_rows(column: Column, counted: dict[str, list[int]]) -> list[Row]:
    return [
        {
            "data": column.label,
            "unit": unit,
            "number": number,
            "expressions": count,
            "share": 100 * count / len(numbers),
        }
        for unit, numbers in counted.items()
        for number, count in sorted(Counter(numbers).items())
    ]


def _limits(context: ExperimentContext) -> list[str]:
    return [
        f"parser: {Path(context.parser).name}",
        *([] if context.first is None else [f"only the first {context.first} images"]),
    ]


def fig9(context: ExperimentContext) -> list[Path]:
    """What the noun phrase adds to the whole expression, by the expression's length."""
    check_plotting()
    columns = context.columns(VAL_COLUMNS)
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
    rows = [row for c, gains in zip(columns, found, strict=True) for row in _gain_rows(c, gains)]
    return write_figure(context, "fig9", figure, rows, caption, [*held, *notes(context)])


def _gains(context: ExperimentContext, column: Column) -> Gains:
    alpha, beta = own_blend(context, column)
    found = sweep(context, column, VIT)
    both, whole = by_length(found[alpha, beta]), by_length(found[alpha, 1.0])
    return {
        name: (
            len(part),
            compare(part, whole[name])["oIoU"],
            compute_metrics(part)["oIoU"],
            compute_metrics(whole[name])["oIoU"],
        )
        for name, part in both.items()
    }


def _gain_rows(column: Column, gains: Gains) -> list[Row]:
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


def fig11(context: ExperimentContext) -> list[Path]:
    """Overall IoU against alpha and against beta (equations 5 and 8), each out of one pass."""
    check_plotting()
    swept = [_swept(context, column) for column in context.columns(VAL_COLUMNS)]
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
    rows = [row for data in swept for row in _swept_rows(data)]
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


def _swept_rows(data: Swept) -> list[Row]:
    alpha, beta = data.own
    blends = ([(x, beta) for x in data.curves[0].x], [(alpha, x) for x in data.curves[1].x])
    rows: list[Row] = []
    for name, curve, pairs in zip(("alpha", "beta"), data.curves, blends, strict=True):
        for (a, b), row in zip(pairs, curve.figures(), strict=True):
            rows.append({"data": data.column.label, "swept": name, "alpha": a, "beta": b, **row})
    return rows
