"""Sweep all blends in one pass: each image is encoded once, and only scoring is repeated.

Tables 3 and 5 and figures 9 and 11 differ only in alpha and beta (equations 5 and 8). One pass over
a grid of blends serves them all; its results are cached in ``OUT/sweeps``.
"""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
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
from refmask.metrics.results import COLUMNS, NUMBERS
from refmask.ops.files import write_whole
from refmask.reproduce.context import Column, ExperimentContext
from refmask.segmenter import Segmenter
from refmask.types import ContextFeatures, MaskProposals, Sample

#: alpha, the weight of the global visual feature, and beta, that of the whole expression.
Blend = tuple[float, float]
Row = dict[str, Any]

#: The grid: alpha in steps of 0.05, beta in steps of 0.1.
ALPHAS = tuple(round(0.05 * step, 2) for step in range(21))
BETAS = tuple(round(0.1 * step, 1) for step in range(11))
GRID: tuple[Blend, ...] = tuple((alpha, beta) for alpha in ALPHAS for beta in BETAS)

#: Columns of ``QueryResults`` where every expression refers to one thing, as in the paper.
SWEPT_COLUMNS = tuple(name for name in COLUMNS if name not in NUMBERS)
#: Those that depend on the chosen proposal.
CHOICE_COLUMNS = ("intersection", "union", "right_class", "right_instance")


def sweep(context: ExperimentContext, column: Column, tower: str) -> dict[Blend, QueryResults]:
    """The results of every blend of ``GRID`` on a split, by the context's rules.

    Args:
        context: its folder caches the results.
        column: the split.
        tower: the image tower.

    Returns:
        By blend, the results of all queries that count, in their order.
    """
    segmenter = context.segmenter(tower, "global-local", column)
    # The blend of the segmenter's own method does not matter here.
    path = sweep_file(
        context,
        column,
        segmenter,
        {"grid": GRID, "columns": [*SWEPT_COLUMNS]},
        without=("alpha", "beta"),
    )
    if not path.is_file():
        context.say(f"{column.label}: {len(GRID)} blends -> {path}")
        write_whole(path, pack([*score_blends(segmenter, context.samples(column)).values()]))
    compat = segmenter.method.compat
    results = [counted(results, compat) for results in unpack(path.read_bytes())]
    return dict(zip(GRID, results, strict=True))


def sweep_file(
    context: ExperimentContext,
    column: Column,
    segmenter: Segmenter,
    swept: Mapping[str, Any],
    without: Collection[str] = (),
) -> Path:
    """The cache file of a sweep, named by a hash of everything that its results depend on.

    Args:
        context: its folder takes the file.
        column: the split.
        segmenter: answers.
        swept: what is swept, by setting.
        without: settings that do not matter.
    """
    system = SegmenterSystem(segmenter, Proposed(segmenter.proposer))
    evaluation = Evaluation(context.dataset(column), system, context.first, context.missing)
    settings = {k: v for k, v in evaluation.configuration.items() if k not in without}
    settings |= {**swept, "missing": len(evaluation.dataset.missing_images())}
    return context.out / "sweeps" / f"{Fingerprint(settings).short}.npz"


def score_blends(
    segmenter: Segmenter, samples: Iterable[Sample], blends: Sequence[Blend] = GRID
) -> dict[Blend, QueryResults]:
    """The results of every blend; each image is encoded once.

    Args:
        segmenter: its method is global-local, of any blend.
        samples: images with their queries.
        blends: to be swept.
    """
    method = cast("GlobalLocal", segmenter.method)
    methods = {
        blend: dataclasses.replace(method, alpha=blend[0], beta=blend[1]) for blend in blends
    }
    rows: dict[Blend, list[Row]] = {blend: [] for blend in blends}
    for sample in samples:
        scene = segmenter.look(sample.image)
        phrases = segmenter.parser([query.expression for query in sample.queries])
        visual, text = cast("ContextFeatures", scene.features), method.encode_text(phrases)
        row_of = QueryRows(sample, scene.proposals)
        for blend, blended in methods.items():
            chosen = best_of(blended.score(visual, text))
            rows[blend] += [row_of(number, index) for number, index in enumerate(chosen)]
    return {blend: QueryResults.of(some) for blend, some in rows.items()}


class QueryRows:
    """Rows of one image's queries, each computed once for all blends that choose alike."""

    def __init__(self, sample: Sample, proposals: MaskProposals) -> None:
        self._sample = sample
        self._overlaps = ImageOverlaps(proposals, sample.instances)
        self._rows: dict[tuple[int, int | None], Row] = {}

    def __call__(self, number: int, chosen: int | None) -> Row:
        """The row of a query, by its number and the proposal chosen; see ``QueryResults.of``."""
        if (number, chosen) not in self._rows:
            query = self._sample.queries[number]
            row: Row = dict(self._overlaps.row(query.target, chosen, query.instance))
            row |= {"image": self._sample.id, "kind": query.kind or ""}
            row["words"] = len(query.expression.split())
            self._rows[number, chosen] = row
        return self._rows[number, chosen]


def best_of(scores: npt.NDArray[np.floating[Any]]) -> list[int | None]:
    """The best proposal of each expression, the first of equals; None without proposals."""
    if not scores.shape[1]:
        return [None] * len(scores)
    return [int(index) for index in scores.argmax(axis=1)]


def pack(results: Sequence[QueryResults]) -> bytes:
    """Results on the same queries and proposals as one ``.npz``; shared columns are stored once."""
    arrays = {name: getattr(results[0], name) for name in SWEPT_COLUMNS}
    arrays |= {name: np.stack([getattr(part, name) for part in results]) for name in CHOICE_COLUMNS}
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)
    return content.getvalue()


def unpack(content: bytes) -> list[QueryResults]:
    """The packed results, in their order."""
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        arrays = dict(archive)
    choices = zip(*(arrays[name] for name in CHOICE_COLUMNS), strict=True)
    return [QueryResults(**(arrays | dict(zip(CHOICE_COLUMNS, c, strict=True)))) for c in choices]
