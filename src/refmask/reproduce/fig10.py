"""Figure 10: why answers fail.

Rule: of the answers with an IoU below 0.5, the most confident of each of three causes: no
proposal reaches that IoU; the answer is about another instance of the right class; it is about
another class.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from refmask.metrics import iou
from refmask.ops import rle
from refmask.reproduce.context import REFCOCOG_VAL, VIT, Column, ExperimentContext
from refmask.reproduce.examples import CAUSES, Example, Records, cause, failing
from refmask.reproduce.qualitative import Gallery, check_ready, counted, query_of, write_gallery
from refmask.visualize.overlay import RUNNER_UP

EACH = 2
BEST = "best proposal"


def make(context: ExperimentContext) -> list[Path]:
    """Two failures of each cause in a line, beside the proposal that fits best."""
    check_ready(context)
    (column, *_) = context.columns((REFCOCOG_VAL,))
    name = f"global-local {context.tower_name(VIT)}"
    segmenter = context.segmenter(VIT, "global-local", column)
    records = counted(context.answers(column, segmenter, name))
    examples = failing(records, EACH)
    gallery = Gallery(
        "fig10",
        f"Failures of {name} on proposals of {context.proposer_name}.",
        "Shown are, of the answers with an IoU below 0.5, the most confident ones of each cause: "
        "no proposal reaches 0.5; the answer overlaps most with another instance of the target's "
        "class; with an instance of another class, or with none.",
        column,
        {name: records, BEST: best_proposals(context, column, examples)},
        examples,
        abreast=EACH,
        colours={BEST: RUNNER_UP},
        notes=list(_told(records)),
    )
    return write_gallery(context, gallery)


def best_proposals(
    context: ExperimentContext, column: Column, examples: Iterable[Example]
) -> Records:
    """The proposal with the largest IoU for each example, as records of ``mask`` and ``iou``."""
    dataset = context.dataset(column)
    found: dict[str, dict[str, Any]] = {}
    for example in examples:
        sample = dataset.sample(example.picture)
        target = query_of(sample, example).target
        masks = context.proposer.propose(sample.image).masks
        overlaps = [float(iou((mask & target).sum(), (mask | target).sum())) for mask in masks]
        best = int(np.argmax(overlaps)) if overlaps else None
        mask = np.zeros_like(target) if best is None else masks[best]
        found[example.query] = {"mask": rle.encode(mask), "iou": max(overlaps, default=0.0)}
    return found


def _told(records: Records) -> Iterable[str]:
    """How many answers each cause is about."""
    causes = [cause(record) for record in records.values()]
    for name in CAUSES:
        yield f"{name}: {causes.count(name)} of {len(causes)} expressions"
    yield "an answer about the right instance with a poor mask is for none of the three causes"
