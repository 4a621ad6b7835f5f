"""Figure 15: typical answers on RefCOCOg, good and bad alike.

Rule: the expressions whose IoU is nearest to quantiles of all expressions' IoUs.
"""

from __future__ import annotations

from pathlib import Path

from refmask.reproduce.context import REFCOCOG_VAL, ExperimentContext
from refmask.reproduce.fig13 import make_typical


def make(context: ExperimentContext) -> list[Path]:
    """A line of examples for each quantile."""
    return make_typical(context, "fig15", REFCOCOG_VAL)
