"""Many blends of the same features: the images are looked at once, whatever is swept.

Tables 3 and 5 and figures 9 and 11 differ only in alpha and beta (equations 5 and 8). So each
image's masks and phrases are described once, unblended, and only the comparison is repeated. One
pass over a grid of blends serves them all; it is kept, and later experiments read it.
"""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Iterable, Sequence
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from refmask.evaluation.evaluate import Evaluation
from refmask.evaluation.sources import Proposed
from refmask.evaluation.summary import counted
from refmask.evaluation.system import SegmenterSystem
from refmask.fingerprint import Fingerprint
from refmask.methods.global_local import GlobalLocal
from refmask.metrics import ImageOverlaps, QueryResults
from refmask.ops.files import write_whole
from refmask.reproduce.context import Column, ExperimentContext
from refmask.segmenter import Segmenter
from refmask.types import ContextFeatures, MaskProposals, Sample

#: alpha, the weight of the global visual feature, and beta, that of the whole expression.
Blend = tuple[float, float]
Row = dict[str, Any]

#: Every twentieth of alpha, every tenth of beta.
ALPHAS = tuple(round(0.05 * step, 2) for step in range(21))
BETAS = tuple(round(0.1 * step, 1) for step in range(11))
GRID: tuple[Blend, ...] = tuple((alpha, beta) for alpha in ALPHAS for beta in BETAS)

#: Columns of ``QueryResults`` that depend on what was chosen.
CHOSEN = ("intersection", "union", "right_class", "right_instance")


def sweep(context: ExperimentContext, column: Column, tower: str) -> dict[Blend, QueryResults]:
    """What every blend of ``GRID`` chooses on a split, by the context's rules.

    Args:
        context: where; what an earlier experiment kept there is read instead of made again.
        column: the split.
        tower: the image tower.

    Returns:
        By blend, the outcomes of all queries that count, in their order.
    """
    segmenter = context.segmenter(tower, "global-local", column)
    system = SegmenterSystem(segmenter, Proposed(segmenter.proposer))
    evaluation = Evaluation(context.dataset(column), system, context.first, context.missing)
    columns = [part.name for part in dataclasses.fields(QueryResults)]
    # The blend of the segmenter's own method does not matter here.
    own = {k: v for k, v in evaluation.configuration.items() if k not in ("alpha", "beta")}
    own |= {"grid": GRID, "missing": len(evaluation.dataset.missing_images())}
    mark = Fingerprint(own | {"columns": columns}).short
    kept = context.out / "sweeps" / f"{mark}.npz"
    if not kept.is_file():
        context.say(f"{column.label}: {len(GRID)} blends -> {kept}")
        found = look(segmenter, context.samples(column))
        write_whole(kept, pack(list(found.values())))
    results = [counted(outcomes, system.compat) for outcomes in unpack(kept.read_bytes())]
    return dict(zip(GRID, results, strict=True))


def look(
    segmenter: Segmenter, samples: Iterable[Sample], blends: Sequence[Blend] = GRID
) -> dict[Blend, QueryResults]:
    """What every blend chooses, each image looked at once.

    Args:
        segmenter: its method is global-local; its own blend does not matter.
        samples: images with what is asked about them.
        blends: what is swept.
    """
    method = cast("GlobalLocal", segmenter.method)
    ends = {blend: dataclasses.replace(method, alpha=blend[0], beta=blend[1]) for blend in blends}
    rows: dict[Blend, list[Row]] = {blend: [] for blend in blends}
    for sample in samples:
        scene = segmenter.look(sample.image)
        phrases = segmenter.parser([query.expression for query in sample.queries])
        visual, text = cast("ContextFeatures", scene.features), method.encode_text(phrases)
        row_of = QueryRows(sample, scene.proposals)
        for blend, end in ends.items():
            chosen = best_of(end.score(visual, text))
            rows[blend] += [row_of(number, index) for number, index in enumerate(chosen)]
    return {blend: QueryResults.of(found) for blend, found in rows.items()}


class QueryRows:
    """Rows of one image's queries, each counted once however many blends choose alike."""

    def __init__(self, sample: Sample, proposals: MaskProposals) -> None:
        self._sample = sample
        self._overlaps = ImageOverlaps(proposals, sample.instances)
        self._known: dict[tuple[int, int | None], Row] = {}

    def __call__(self, number: int, chosen: int | None) -> Row:
        """The row of a query, by its number and the proposal chosen; see ``QueryResults.of``."""
        if (number, chosen) not in self._known:
            query = self._sample.queries[number]
            row: Row = dict(self._overlaps.row(query.target, chosen, query.instance))
            row |= {"image": self._sample.id, "kind": query.kind or ""}
            row["words"] = len(query.expression.split())
            self._known[number, chosen] = row
        return self._known[number, chosen]


def best_of(scores: npt.NDArray[np.floating[Any]]) -> list[int | None]:
    """The best proposal of each expression, of equals the first; None without proposals."""
    if not scores.shape[1]:
        return [None] * len(scores)
    return [int(index) for index in scores.argmax(axis=1)]


def pack(found: Sequence[QueryResults]) -> bytes:
    """Outcomes of the same queries and proposals as one ``.npz``; what they share is there once."""
    arrays = {part.name: getattr(found[0], part.name) for part in dataclasses.fields(found[0])}
    arrays |= {name: np.stack([getattr(o, name) for o in found]) for name in CHOSEN}
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)
    return content.getvalue()


def unpack(content: bytes) -> list[QueryResults]:
    """What was packed, in the same order."""
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        arrays = dict(archive)
    choices = zip(*(arrays[name] for name in CHOSEN), strict=True)
    return [QueryResults(**(arrays | dict(zip(CHOSEN, own, strict=True)))) for own in choices]
