"""Figure 12: overall IoU of the global feature against the number of masked blocks, per ViT.

Supplement C chooses each tower's k (equation 3) by it. The images are read, proposed for and
parsed once for all towers and all k; only the masked encoding is done anew.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import cast

from refmask.errors import ConfigurationError
from refmask.evaluation.evaluate import Evaluation
from refmask.evaluation.sources import Proposed
from refmask.evaluation.summary import counted
from refmask.evaluation.system import SegmenterSystem
from refmask.methods.global_local import GlobalContext
from refmask.metrics import QueryResults, intervals
from refmask.ops.files import write_whole
from refmask.reproduce.context import REFCOCOG_VAL, VIT, Column, ExperimentContext
from refmask.reproduce.plotting import (
    Curve,
    Row,
    check_plotting,
    draw_curve,
    panels,
    write_figure,
)
from refmask.reproduce.sweep import QueryRows, best_of, pack, unpack
from refmask.reproduce.sweep import Row as QueryRow
from refmask.reproduce.tables import notes
from refmask.segmenter import Segmenter
from refmask.types import ContextFeatures, Sample


def fig12(context: ExperimentContext) -> list[Path]:
    """A curve over all k per vision transformer; PDF, PNG, CSV and caption.

    Raises:
        ConfigurationError: when one of the models has another tower.
    """
    check_plotting()
    (column, *_) = context.columns((REFCOCOG_VAL,))
    towers = (VIT, *context.more_vits)
    segmenters = {tower: context.segmenter(tower, "global", column) for tower in towers}
    found = swept(context, column, segmenters)
    figure, (panel,) = panels()
    rows: list[Row] = []
    for number, (tower, segmenter) in enumerate(segmenters.items()):
        own, curve = _own_layers(segmenter), Curve(context.tower_name(tower))
        for k, outcomes in enumerate(found[tower], start=1):
            curve.add(k, intervals(outcomes)["oIoU"])
        draw_curve(panel, curve, number, marked=own)
        rows += [
            {"model": curve.label, "mask_layers": int(k), "own": int(k == own), **figures}
            for k, figures in zip(curve.x, curve.figures(), strict=True)
        ]
    panel.set(xlabel="masked blocks (k)", ylabel=f"oIoU on {column.label} (%)")
    deepest = max(map(len, found.values()))
    panel.set_xticks(range(1, deepest + 1, 1 if deepest <= 12 else 2))
    panel.legend(frameon=False)
    caption = (
        f"# Figure 12, oIoU by number of masked blocks, {column.label}\n\n"
        "The global visual feature alone (alpha 1) meets the whole expression (beta 1). A large "
        "marker is the k that the model is used with; bands are 95 % intervals."
    )
    return write_figure(context, "fig12", figure, rows, caption, notes(context))


def swept(
    context: ExperimentContext, column: Column, segmenters: Mapping[str, Segmenter]
) -> dict[str, list[QueryResults]]:
    """What the global feature chooses, for k = 1 to the tower's depth.

    Args:
        context: where; what an earlier call kept there is read instead of made again.
        column: the split.
        segmenters: by tower; their method is global.

    Returns:
        By tower, per k, the outcomes of all queries that count, in their order.
    """
    ends = {tower: _ends(segmenter) for tower, segmenter in segmenters.items()}
    kept = {
        tower: context.out / "sweeps" / f"{_mark(context, column, segmenter, len(ends[tower]))}.npz"
        for tower, segmenter in segmenters.items()
    }
    absent = [tower for tower, path in kept.items() if not path.is_file()]
    if absent:
        for tower in absent:
            name, depth = context.tower_name(tower), len(ends[tower])
            context.say(f"{column.label}: {name}, k to {depth} -> {kept[tower]}")
        asked = [method for tower in absent for method in ends[tower]]
        found = iter(look(segmenters[absent[0]], asked, context.samples(column)))
        for tower in absent:
            write_whole(kept[tower], pack([next(found) for _ in ends[tower]]))
    return {
        tower: [counted(o, segmenters[tower].method.compat) for o in unpack(path.read_bytes())]
        for tower, path in kept.items()
    }


def look(
    segmenter: Segmenter, methods: Sequence[GlobalContext], samples: Iterable[Sample]
) -> list[QueryResults]:
    """What each method chooses, each image proposed for and each expression parsed once.

    Args:
        segmenter: its proposer and its parser are asked.
        methods: those of one model stand together, so that they share its text features.
        samples: images with what is asked about them.
    """
    rows: list[list[QueryRow]] = [[] for _ in methods]
    for sample in samples:
        proposals = segmenter.proposer.propose(sample.image).checked_for(sample.image)
        phrases = segmenter.parser([query.expression for query in sample.queries])
        row_of = QueryRows(sample, proposals)
        text = dict[int, ContextFeatures]()
        for found, method in zip(rows, methods, strict=True):
            if id(method.encoder) not in text:
                text[id(method.encoder)] = method.encode_text(phrases)
            cached = dataclasses.replace(segmenter, method=method).cached
            features = cached.encode_image(sample.image, proposals)
            chosen = best_of(cached.score(features, text[id(method.encoder)]))
            found += [row_of(number, index) for number, index in enumerate(chosen)]
    return [QueryResults.of(found) for found in rows]


def _ends(segmenter: Segmenter) -> list[GlobalContext]:
    """The segmenter's method with every k that its tower has."""
    method = cast("GlobalContext", segmenter.method)
    depth = getattr(method.encoder.tower, "depth", 0)
    if not depth:
        raise ConfigurationError(
            f"expected vision transformers for figure 12, {method.encoder.name} is a "
            f"{method.encoder.tower.family} model; name another as `vit` or `also_vit`"
        )
    return [dataclasses.replace(method, mask_layers=k) for k in range(1, depth + 1)]


def _own_layers(segmenter: Segmenter) -> int:
    """The k that its card or the paper recommends."""
    method = cast("GlobalContext", segmenter.method)
    own: int = method.mask_layers or method.encoder.tower.mask_layers  # type: ignore[union-attr]
    return own


def _mark(context: ExperimentContext, column: Column, segmenter: Segmenter, depth: int) -> str:
    """What tells one sweep from another."""
    system = SegmenterSystem(segmenter, Proposed(segmenter.proposer))
    evaluation = Evaluation(context.dataset(column), system, context.first, context.missing)
    missing = len(evaluation.dataset.missing_images())
    own = {"mask_layers": f"1 to {depth}", "missing": missing}
    return (evaluation.configuration | own).short
