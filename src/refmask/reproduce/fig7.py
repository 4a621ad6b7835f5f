"""Figure 7: the paper's method beside its baselines, on the same proposals.

Rule: the expressions where global-local gains most IoU over the best of the baselines.
"""

from __future__ import annotations

from pathlib import Path

from refmask.reproduce.context import REFCOCOG_VAL, ExperimentContext
from refmask.reproduce.examples import gaining
from refmask.reproduce.qualitative import Gallery, check_ready, counted, write_gallery
from refmask.reproduce.rows import rows_of
from refmask.reproduce.table2 import ROWS

COUNT = 5


def make(context: ExperimentContext) -> list[Path]:
    """Every method of table 2 with a proposer's masks; the runs are those of table 1."""
    check_ready(context)
    (column, *_) = context.columns((REFCOCOG_VAL,))
    rows, notes = rows_of(context, ROWS)
    answers = {}
    for row in rows:
        segmenter = context.segmenter(row.tower, row.method, column)
        name = row.label(context)
        answers[name] = counted(context.answers(column, segmenter, name))
    gallery = Gallery(
        "fig7",
        f"Global-local beside the baselines, all on proposals of {context.proposer_name}.",
        "Shown are the expressions where global-local gains most IoU over the best of the others, "
        "the largest gain first.",
        column,
        answers,
        gaining(answers, rows[-1].label(context), COUNT),
        notes=notes,
    )
    return write_gallery(context, gallery)
