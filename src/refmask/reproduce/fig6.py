"""Figure 6: what the whole expression, its noun phrase or both find.

The proposals are the data set's own instances, so that only the choice is judged.

Rule: the expressions where the global-local text gains most IoU over the better of its parts.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from refmask.reproduce.context import REFCOCOG_VAL, VIT, ExperimentContext
from refmask.reproduce.examples import gaining
from refmask.reproduce.qualitative import Gallery, check_ready, counted, write_gallery

COUNT = 6
#: Settings of the method by level of the text.
LEVELS: dict[str, dict[str, Any]] = {
    "sentence": {"beta": 1.0},
    "noun phrase": {"beta": 0.0},
    "both": {},
}


def make(context: ExperimentContext) -> list[Path]:
    """Sentence, noun phrase and both side by side, all with the global-local visual feature."""
    check_ready(context)
    (column, *_) = context.columns((REFCOCOG_VAL,))
    tower = context.tower_name(VIT)
    answers = {}
    for name, settings in LEVELS.items():
        segmenter = context.segmenter(VIT, "global-local", column, **settings)
        asked = f" by {name}" if settings else ""
        run = f"global-local {tower}{asked} instances"
        answers[name] = counted(context.answers(column, segmenter, run, instances=True))
    gallery = Gallery(
        "fig6",
        "Levels of the textual feature, the visual one always global-local; the noun phrase is "
        "marked.",
        "Shown are the expressions where both together gain most IoU over the better of sentence "
        "and noun phrase, the largest gain first.",
        column,
        answers,
        gaining(answers, "both", COUNT),
        abreast=2,
        notes=["the proposals are the data set's own instances"],
    )
    return write_gallery(context, gallery)
