"""The paper's figures of examples, one function each, which returns the files it wrote.

Each caption states the rule that picked its examples; nothing is chosen by hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from refmask.metrics import iou
from refmask.ops import rle
from refmask.reproduce.context import REFCOCOG_VAL, VIT, Column, ExperimentContext
from refmask.reproduce.examples import (
    CAUSES,
    LEVELS,
    Example,
    Records,
    cause,
    failing,
    gaining,
    typical,
)
from refmask.reproduce.qualitative import (
    Gallery,
    check_ready,
    counted_records,
    query_of,
    write_gallery,
)
from refmask.reproduce.tables import OURS, TABLE_2_ROWS, VAL_COLUMNS, Row, own_blend, rows_of
from refmask.visualize.overlay import RUNNER_UP

#: Title of the column of best proposals.
BEST = "best proposal"


class Level(NamedTuple):
    """A level of a feature: its method, the method's settings, and a suffix of its run's name."""

    method: str
    settings: Mapping[str, Any] = {}
    suffix: str = ""


def fig5(context: ExperimentContext) -> list[Path]:
    """Levels of the visual feature: in context, in isolation, and both."""
    (column, *_) = context.columns((REFCOCOG_VAL,))
    check_ready(context)
    _, beta = own_blend(context, column)
    levels = {
        "global": Level("global", {"beta": beta}),
        "local": Level("cropping", {"beta": beta}),
        "global-local": Level("global-local"),
    }
    return _make_levels(
        context,
        "fig5",
        "Levels of the visual feature, the text always global-local.",
        "Shown are the expressions where global-local gains most IoU over the better of global "
        "and local, the largest gain first.",
        levels,
    )


def fig6(context: ExperimentContext) -> list[Path]:
    """Levels of the textual feature: the whole expression, its noun phrase, and both."""
    levels = {
        "sentence": Level("global-local", {"beta": 1.0}, " by sentence"),
        "noun phrase": Level("global-local", {"beta": 0.0}, " by noun phrase"),
        "both": Level("global-local"),
    }
    return _make_levels(
        context,
        "fig6",
        "Levels of the textual feature, the visual one always global-local; the noun phrase is "
        "marked.",
        "Shown are the expressions where both together gain most IoU over the better of sentence "
        "and noun phrase, the largest gain first.",
        levels,
    )


def _make_levels(
    context: ExperimentContext, name: str, shows: str, rule: str, levels: Mapping[str, Level]
) -> list[Path]:
    """Levels side by side, where the last one gains most IoU over the others.

    The proposals are the data set's own instances, so that only the choice is judged.
    """
    check_ready(context)
    (column, *_) = context.columns((REFCOCOG_VAL,))
    answers = {}
    for title, (method, settings, suffix) in levels.items():
        segmenter = context.segmenter(VIT, method, column, **settings)
        run = f"{method} {context.tower_name(VIT)}{suffix} instances"
        answers[title] = counted_records(context.answers(column, segmenter, run, instances=True))
    examples = gaining(answers, list(levels)[-1], 6)
    notes = ["the proposals are the data set's own instances"]
    gallery = Gallery(name, shows, rule, column, answers, examples, abreast=2, notes=notes)
    return write_gallery(context, gallery)


def fig7(context: ExperimentContext) -> list[Path]:
    """The paper's method beside its baselines; the runs are those of table 1."""
    check_ready(context)
    (column, *_) = context.columns((REFCOCOG_VAL,))
    rows, notes = rows_of(context, TABLE_2_ROWS)
    answers = {row.label(context): _records(context, row, column) for row in rows}
    gallery = Gallery(
        "fig7",
        f"Global-local beside the baselines, all on proposals of {context.proposer_name}.",
        "Shown are the expressions where global-local gains most IoU over the best of the others, "
        "the largest gain first.",
        column,
        answers,
        gaining(answers, rows[-1].label(context), 5),
        notes=notes,
    )
    return write_gallery(context, gallery)


def fig10(context: ExperimentContext) -> list[Path]:
    """Failures: two of each cause in a line, beside the best proposal."""
    check_ready(context)
    (column, *_) = context.columns((REFCOCOG_VAL,))
    name, records = OURS.label(context), _records(context, OURS, column)
    examples = failing(records, 2)
    gallery = Gallery(
        "fig10",
        f"Failures of {name} on proposals of {context.proposer_name}.",
        "Shown are, of the answers with an IoU below 0.5, the most confident ones of each cause: "
        "no proposal reaches 0.5; the answer overlaps most with another instance of the target's "
        "class; with an instance of another class, or with none.",
        column,
        {name: records, BEST: best_proposals(context, column, examples)},
        examples,
        abreast=2,
        colours={BEST: RUNNER_UP},
        notes=list(_causes(records)),
    )
    return write_gallery(context, gallery)


def best_proposals(
    context: ExperimentContext, column: Column, examples: Iterable[Example]
) -> Records:
    """The proposal with the largest IoU for each example, as records of ``mask`` and ``iou``."""
    dataset = context.dataset(column)
    records: dict[str, dict[str, Any]] = {}
    for example in examples:
        sample = dataset.sample(example.image)
        target = query_of(sample, example).target
        masks = context.proposer.propose(sample.image).masks
        overlaps = [float(iou((mask & target).sum(), (mask | target).sum())) for mask in masks]
        best = int(np.argmax(overlaps)) if overlaps else None
        mask = np.zeros_like(target) if best is None else masks[best]
        records[example.query] = {"mask": rle.encode(mask), "iou": max(overlaps, default=0.0)}
    return records


def _causes(records: Records) -> Iterable[str]:
    """Notes on the number of answers of each cause."""
    causes = [cause(record) for record in records.values()]
    for name in CAUSES:
        yield f"{name}: {causes.count(name)} of {len(causes)} expressions"
    yield "an answer on the right instance with a poor mask has none of the three causes"


def _records(context: ExperimentContext, row: Row, column: Column) -> Records:
    """The records of a method's run in table 1 that count."""
    segmenter = context.segmenter(row.tower, row.method, column)
    return counted_records(context.answers(column, segmenter, row.label(context)))


def _make_typical(name: str, wanted: Column, context: ExperimentContext) -> list[Path]:
    """Typical answers on a split, good and bad alike; the run is that of table 1."""
    check_ready(context)
    (column, *_) = context.columns((wanted,))
    run, records = OURS.label(context), _records(context, OURS, column)
    levels = ", ".join(f"{level:.0%}" for level in LEVELS)
    gallery = Gallery(
        name,
        f"Typical answers of {run} on proposals of {context.proposer_name}.",
        f"Shown are the expressions nearest to quantiles of IoU ({levels}), a line for each.",
        column,
        {run: records},
        typical(records, 3),
        abreast=3,
    )
    return write_gallery(context, gallery)


#: Typical answers on RefCOCO, RefCOCO+ and RefCOCOg.
fig13, fig14, fig15 = (
    partial(_make_typical, name, column)
    for name, column in zip(("fig13", "fig14", "fig15"), VAL_COLUMNS, strict=True)
)
