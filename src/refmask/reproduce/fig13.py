"""Figure 13: typical answers on RefCOCO, good and bad alike.

Rule: the expressions whose IoU is nearest to quantiles of all expressions' IoUs.
"""

from __future__ import annotations

from pathlib import Path

from refmask.reproduce.context import VIT, Column, ExperimentContext
from refmask.reproduce.examples import LEVELS, typical
from refmask.reproduce.qualitative import Gallery, check_ready, counted, write_gallery

COLUMN = Column("RefCOCO val", "refcoco", "val")
EACH = 3


def make(context: ExperimentContext) -> list[Path]:
    """A line of examples for each quantile."""
    return make_typical(context, "fig13", COLUMN)


def make_typical(context: ExperimentContext, name: str, wanted: Column) -> list[Path]:
    """A figure of typical answers; the run is that of table 1.

    Args:
        context: where.
        name: of the files.
        wanted: the paper's split.
    """
    check_ready(context)
    (column, *_) = context.columns((wanted,))
    run = f"global-local {context.tower_name(VIT)}"
    segmenter = context.segmenter(VIT, "global-local", column)
    records = counted(context.answers(column, segmenter, run))
    levels = ", ".join(f"{level:.0%}" for level in LEVELS)
    gallery = Gallery(
        name,
        f"Typical answers of {run} on proposals of {context.proposer_name}.",
        f"Shown are the expressions nearest to quantiles of IoU ({levels}), a line for each.",
        column,
        {run: records},
        typical(records, EACH),
        abreast=EACH,
    )
    return write_gallery(context, gallery)
