"""Figure 14: typical answers on RefCOCO+, good and bad alike.

Rule: the expressions whose IoU is nearest to quantiles of all expressions' IoUs.
"""

from __future__ import annotations

from pathlib import Path

from refmask.experiments.fig13 import make_typical
from refmask.experiments.setting import Column, Setting

COLUMN = Column("RefCOCO+ val", "refcoco+", "val")


def make(setting: Setting) -> list[Path]:
    """A line of examples for each quantile."""
    return make_typical(setting, "fig14", COLUMN)
