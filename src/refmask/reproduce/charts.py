"""The paper's charts: lengths of expressions (8), gains by length (9) and blends (11).

One function each, which returns the files it wrote: PDF, PNG, CSV and caption.
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

#: What is counted, and the number from which on expressions share a bar (not so in the CSV).
UNITS = {"words": 20, "nouns": 8}
#: By length, for one data set: number of expressions, gain, and oIoU of both texts.
Gains = dict[str, tuple[int, PairedGain, float, float]]
#: Labels of figure 11.
AXES = (
    "alpha: weight of the global visual feature",
    "beta: weight of the whole expression",
)


def fig8(context: ExperimentContext) -> list[Path]:
    """Numbers of words and nouns of each data set's expressions."""
    check_plotting()
    columns = context.columns(VAL_COLUMNS)
    counts = [_counts(context, column) for column in columns]
    figure, axes = panels(len(UNITS), width=6.0)
    for panel, (unit, last) in zip(axes, UNITS.items(), strict=True):
        for number, (column, numbers) in enumerate(zip(columns, counts, strict=True)):
            label = f"{column.label} (mean {mean(numbers[unit]):.2f})"
            draw_bars(panel, _shares(numbers[unit], last), label, (number, len(columns)))
        every = [number for numbers in counts for number in numbers[unit]]
        ticks = range(min(*every, last), min(max(every), last) + 1)
        labels = [f"{number}+" if number == last < max(every) else str(number) for number in ticks]
        panel.set_xticks(ticks, labels)
        panel.set(xlabel=f"{unit} of the expression", ylabel="share of expressions (%)")
        panel.legend(frameon=False)
    caption = (
        "# Figure 8, words and nouns of expressions\n\n"
        "Numbers of words (separated by spaces) and of common and proper nouns (as the parser tags "
        "them) of the expressions. A bar with a + includes all larger numbers."
    )
    rows = [
        row for c, numbers in zip(columns, counts, strict=True) for row in _count_rows(c, numbers)
    ]
    numbers_of = [
        f"{c.label}: {len(n['words'])} expressions" for c, n in zip(columns, counts, strict=True)
    ]
    parser = f"parser: {Path(context.parser).name}"
    notes = [*numbers_of, parser, *context.limits]
    return write_figure(context, "fig8", figure, rows, caption, notes)


def _counts(context: ExperimentContext, column: Column) -> dict[str, list[int]]:
    """Words and nouns of each expression."""
    expressions = context.expressions(column)
    words = [len(expression.split()) for expression in expressions]
    return {"words": words, "nouns": context.phrase_parser.count_nouns(expressions)}


def _shares(numbers: list[int], last: int) -> dict[int, float]:
    """Percent of expressions by number; larger numbers count as the last."""
    counts = Counter(min(number, last) for number in numbers)
    return {number: 100 * counts[number] / len(numbers) for number in sorted(counts)}


def _count_rows(column: Column, counts: dict[str, list[int]]) -> list[Row]:
    return [
        {
            "data": column.label,
            "unit": unit,
            "number": number,
            "expressions": count,
            "share": 100 * count / len(numbers),
        }
        for unit, numbers in counts.items()
        for number, count in sorted(Counter(numbers).items())
    ]


def fig9(context: ExperimentContext) -> list[Path]:
    """Gain of adding the noun phrase to the whole expression, by the expression's length."""
    check_plotting()
    columns = context.columns(VAL_COLUMNS)
    by_column = [_gains(context, column) for column in columns]
    lengths = sorted({name for gains in by_column for name in gains}, key=_shortest)
    figure, (panel,) = panels(width=6.0)
    for number, (column, gains) in enumerate(zip(columns, by_column, strict=True)):
        of_group = {lengths.index(name): gain for name, (_, gain, _, _) in gains.items()}
        draw_bars(
            panel,
            {group: 100 * gain.gain for group, gain in of_group.items()},
            column.label,
            (number, len(columns)),
            {group: (100 * gain.low, 100 * gain.high) for group, gain in of_group.items()},
        )
    panel.axhline(0, color="0.25", linewidth=0.8)
    labels = [f"{_shortest(name)}+" if name.endswith("-") else name for name in lengths]
    panel.set_xticks(range(len(lengths)), labels)
    panel.set(xlabel="words of the expression", ylabel="gain in oIoU (points)")
    panel.legend(frameon=False)
    blends = [own_blend(context, column) for column in columns]
    held = [f"{c.label}: alpha {a}, beta {b}" for c, (a, b) in zip(columns, blends, strict=True)]
    caption = (
        f"# Figure 9, gain of the global-local text, global-local {context.tower_name(VIT)}\n\n"
        "oIoU with both texts (the data set's beta) minus oIoU with the whole expression alone "
        "(beta 1), by the expression's number of words. The visual blend is the same in both; "
        "bars show 95 % intervals of the paired gain."
    )
    rows = [
        row for c, gains in zip(columns, by_column, strict=True) for row in _gain_rows(c, gains)
    ]
    return write_figure(context, "fig9", figure, rows, caption, [*held, *notes(context)])


def _gains(context: ExperimentContext, column: Column) -> Gains:
    alpha, beta = own_blend(context, column)
    results = sweep(context, column, VIT)
    both, whole = by_length(results[alpha, beta]), by_length(results[alpha, 1.0])
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
        own: the blend at which the other weight is held.
        curves: over alpha and over beta.
    """

    column: Column
    own: Blend
    curves: tuple[Curve, Curve]


def fig11(context: ExperimentContext) -> list[Path]:
    """Overall IoU against alpha and against beta (equations 5 and 8), each from one pass."""
    check_plotting()
    swept = [_swept(context, column) for column in context.columns(VAL_COLUMNS)]
    figure, axes = panels(2, one_scale=True)
    for axis, (panel, label) in enumerate(zip(axes, AXES, strict=True)):
        for number, data in enumerate(swept):
            draw_curve(panel, data.curves[axis], number, marked=data.own[axis])
        panel.set(xlabel=label, xlim=(-0.02, 1.02))
    axes[0].set_ylabel("oIoU (%)")
    axes[0].legend(frameon=False)
    held = [f"{data.column.label}: alpha {data.own[0]}, beta {data.own[1]}" for data in swept]
    caption = (
        f"# Figure 11, oIoU by blend, global-local {context.tower_name(VIT)}\n\n"
        "Left, alpha is swept and beta held; right, beta is swept and alpha held. Each curve's "
        "large marker is the held blend; bands are 95 % intervals."
    )
    rows = [row for data in swept for row in _swept_rows(data)]
    return write_figure(context, "fig11", figure, rows, caption, [*held, *notes(context)])


def _swept(context: ExperimentContext, column: Column) -> Swept:
    results = sweep(context, column, VIT)
    own = own_blend(context, column)
    curves = (Curve(column.label), Curve(column.label))
    for value in ALPHAS:
        curves[0].add(value, intervals(results[value, own[1]])["oIoU"])
    for value in BETAS:
        curves[1].add(value, intervals(results[own[0], value])["oIoU"])
    return Swept(column, own, curves)


def _swept_rows(data: Swept) -> list[Row]:
    alpha, beta = data.own
    blends = ([(x, beta) for x in data.curves[0].x], [(alpha, x) for x in data.curves[1].x])
    rows: list[Row] = []
    for name, curve, pairs in zip(("alpha", "beta"), data.curves, blends, strict=True):
        for (a, b), row in zip(pairs, curve.values(), strict=True):
            rows.append({"data": data.column.label, "swept": name, "alpha": a, "beta": b, **row})
    return rows
