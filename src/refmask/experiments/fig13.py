"""Figure 13: typical answers on RefCOCO, good and bad alike.

Rule: the expressions whose IoU is nearest to quantiles of all expressions' IoUs.
"""

from __future__ import annotations

from pathlib import Path

from refmask.experiments.examples import LEVELS, typical
from refmask.experiments.qualitative import Gallery, check_ready, counted, write_gallery
from refmask.experiments.setting import VIT, Column, Setting

COLUMN = Column("RefCOCO val", "refcoco", "val")
EACH = 3


def make(setting: Setting) -> list[Path]:
    """A line of examples for each quantile."""
    return make_typical(setting, "fig13", COLUMN)


def make_typical(setting: Setting, name: str, wanted: Column) -> list[Path]:
    """A figure of typical answers; the run is that of table 1.

    Args:
        setting: where.
        name: of the files.
        wanted: the paper's split.
    """
    check_ready(setting)
    (column, *_) = setting.columns((wanted,))
    run = f"global-local {setting.tower_name(VIT)}"
    segmenter = setting.segmenter(VIT, "global-local", column)
    records = counted(setting.answers(column, segmenter, run))
    levels = ", ".join(f"{level:.0%}" for level in LEVELS)
    gallery = Gallery(
        name,
        f"Typical answers of {run} on proposals of {setting.proposer_name}.",
        f"Shown are the expressions nearest to quantiles of IoU ({levels}), a line for each.",
        column,
        {run: records},
        typical(records, EACH),
        abreast=EACH,
    )
    return write_gallery(setting, gallery)
