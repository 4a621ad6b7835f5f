"""Figure 7: the paper's method beside its baselines, on the same proposals.

Rule: the expressions where global-local gains most IoU over the best of the baselines.
"""

from __future__ import annotations

from pathlib import Path

from refmask.experiments.examples import gaining
from refmask.experiments.qualitative import Gallery, check_ready, counted, write_gallery
from refmask.experiments.rows import rows_of
from refmask.experiments.setting import REFCOCOG_VAL, Setting
from refmask.experiments.table2 import ROWS

COUNT = 5


def make(setting: Setting) -> list[Path]:
    """Every method of table 2 with a proposer's masks; the runs are those of table 1."""
    check_ready(setting)
    (column, *_) = setting.columns((REFCOCOG_VAL,))
    rows, notes = rows_of(setting, ROWS)
    answers = {}
    for row in rows:
        segmenter = setting.segmenter(row.tower, row.method, column)
        name = row.label(setting)
        answers[name] = counted(setting.answers(column, segmenter, name))
    gallery = Gallery(
        "fig7",
        f"Global-local beside the baselines, all on proposals of {setting.proposer_name}.",
        "Shown are the expressions where global-local gains most IoU over the best of the others, "
        "the largest gain first.",
        column,
        answers,
        gaining(answers, rows[-1].label(setting), COUNT),
        notes=notes,
    )
    return write_gallery(setting, gallery)
