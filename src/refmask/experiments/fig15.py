"""Figure 15: typical answers on RefCOCOg, good and bad alike.

Rule: the expressions whose IoU is nearest to quantiles of all expressions' IoUs.
"""

from __future__ import annotations

from pathlib import Path

from refmask.experiments.fig13 import make_typical
from refmask.experiments.setting import REFCOCOG_VAL, Setting


def make(setting: Setting) -> list[Path]:
    """A line of examples for each quantile."""
    return make_typical(setting, "fig15", REFCOCOG_VAL)
