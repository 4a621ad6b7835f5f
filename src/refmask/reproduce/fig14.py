"""Figure 14: typical answers on RefCOCO+, good and bad alike.

Rule: the expressions whose IoU is nearest to quantiles of all expressions' IoUs.
"""

from __future__ import annotations

from pathlib import Path

from refmask.reproduce.context import Column, ExperimentContext
from refmask.reproduce.fig13 import make_typical

COLUMN = Column("RefCOCO+ val", "refcoco+", "val")


def make(context: ExperimentContext) -> list[Path]:
    """A line of examples for each quantile."""
    return make_typical(context, "fig14", COLUMN)
