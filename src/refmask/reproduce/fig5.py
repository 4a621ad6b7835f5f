"""Figure 5: what the visual feature alone, in context or in both, makes of an expression.

The proposals are the data set's own instances, so that only the choice is judged.

Rule: the expressions where the global-local feature gains most IoU over the better of its parts.
"""

from __future__ import annotations

from pathlib import Path

from refmask.reproduce.context import REFCOCOG_VAL, VIT, ExperimentContext
from refmask.reproduce.examples import gaining
from refmask.reproduce.qualitative import Gallery, check_ready, counted, write_gallery
from refmask.reproduce.table3 import own_blend

COUNT = 6
BOTH = "global-local"
#: Methods by level of the visual feature.
LEVELS = {"global": "global", "local": "cropping", BOTH: BOTH}


def make(context: ExperimentContext) -> list[Path]:
    """Global, local and global-local side by side, all with the global-local text."""
    check_ready(context)
    (column, *_) = context.columns((REFCOCOG_VAL,))
    _, beta = own_blend(context, column)
    tower = context.tower_name(VIT)
    answers = {}
    for name, method in LEVELS.items():
        settings = {} if method == BOTH else {"beta": beta}
        segmenter = context.segmenter(VIT, method, column, **settings)
        run = f"{method} {tower} instances"
        answers[name] = counted(context.answers(column, segmenter, run, instances=True))
    gallery = Gallery(
        "fig5",
        "Levels of the visual feature, the text always global-local.",
        "Shown are the expressions where global-local gains most IoU over the better of global "
        "and local, the largest gain first.",
        column,
        answers,
        gaining(answers, BOTH, COUNT),
        abreast=2,
        notes=["the proposals are the data set's own instances"],
    )
    return write_gallery(context, gallery)
