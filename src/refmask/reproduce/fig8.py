"""Figure 8: how many words and how many nouns the expressions of each data set have."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from statistics import mean

from refmask.reproduce.context import Column, ExperimentContext
from refmask.reproduce.plotting import Row, check_plotting, draw_bars, panels, write_figure
from refmask.reproduce.table2 import COLUMNS

#: What is counted, and from which number on expressions share a bar (the CSV keeps them apart).
UNITS = {"words": 20, "nouns": 8}


def make(context: ExperimentContext) -> list[Path]:
    """A panel of words and one of nouns, with bars per data set; PDF, PNG, CSV and caption."""
    check_plotting()
    columns = context.columns(COLUMNS)
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
    rows = [row for c, numbers in zip(columns, counted, strict=True) for row in _rows(c, numbers)]
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


def _rows(column: Column, counted: dict[str, list[int]]) -> list[Row]:
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
        *([] if context.first is None else [f"only the first {context.first} pictures"]),
    ]
