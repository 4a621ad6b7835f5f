"""Figure 12: overall IoU of the global feature against the number of masked blocks, per ViT.

Supplement C chooses each tower's k (equation 3) by it. Images, proposals and phrases are read once
for all towers and all k; only the masked encoding is repeated.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import cast

from refmask.errors import ConfigurationError
from refmask.evaluation.summary import counted
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
from refmask.reproduce.sweep import QueryRows, best_of, pack, sweep_file, unpack
from refmask.reproduce.sweep import Row as QueryRow
from refmask.reproduce.tables import notes
from refmask.segmenter import Segmenter
from refmask.types import ContextFeatures, Sample


def fig12(context: ExperimentContext) -> list[Path]:
    """A curve over all k per vision transformer; PDF, PNG, CSV and caption.

    Raises:
        ConfigurationError: when a model is not a vision transformer.
    """
    check_plotting()
    (column, *_) = context.columns((REFCOCOG_VAL,))
    towers = (VIT, *context.more_vits)
    segmenters = {tower: context.segmenter(tower, "global", column) for tower in towers}
    by_tower = sweep_layers(context, column, segmenters)
    figure, (panel,) = panels()
    rows: list[Row] = []
    for number, (tower, segmenter) in enumerate(segmenters.items()):
        own, curve = _own_layers(segmenter), Curve(context.tower_name(tower))
        for k, results in enumerate(by_tower[tower], start=1):
            curve.add(k, intervals(results)["oIoU"])
        draw_curve(panel, curve, number, marked=own)
        rows += [
            {"model": curve.label, "mask_layers": int(k), "own": int(k == own), **values}
            for k, values in zip(curve.x, curve.values(), strict=True)
        ]
    panel.set(xlabel="masked blocks (k)", ylabel=f"oIoU on {column.label} (%)")
    deepest = max(map(len, by_tower.values()))
    panel.set_xticks(range(1, deepest + 1, 1 if deepest <= 12 else 2))
    panel.legend(frameon=False)
    caption = (
        f"# Figure 12, oIoU by number of masked blocks, {column.label}\n\n"
        "The global visual feature alone (alpha 1) with the whole expression (beta 1). A large "
        "marker is the k that the model is used with; bands are 95 % intervals."
    )
    return write_figure(context, "fig12", figure, rows, caption, notes(context))


def sweep_layers(
    context: ExperimentContext, column: Column, segmenters: Mapping[str, Segmenter]
) -> dict[str, list[QueryResults]]:
    """The results of the global feature, for k = 1 to the tower's depth.

    Args:
        context: its folder caches the results.
        column: the split.
        segmenters: by tower; their method is global.

    Returns:
        By tower, for each k, the results of all queries that count, in their order.
    """
    methods = {tower: _every_k(segmenter) for tower, segmenter in segmenters.items()}
    files = {
        tower: sweep_file(
            context, column, segmenter, {"mask_layers": f"1 to {len(methods[tower])}"}
        )
        for tower, segmenter in segmenters.items()
    }
    absent = [tower for tower, path in files.items() if not path.is_file()]
    if absent:
        for tower in absent:
            name, depth = context.tower_name(tower), len(methods[tower])
            context.say(f"{column.label}: {name}, k to {depth} -> {files[tower]}")
        pending = [method for tower in absent for method in methods[tower]]
        results = iter(score_methods(segmenters[absent[0]], pending, context.samples(column)))
        for tower in absent:
            write_whole(files[tower], pack([next(results) for _ in methods[tower]]))
    return {
        tower: [counted(r, segmenters[tower].method.compat) for r in unpack(path.read_bytes())]
        for tower, path in files.items()
    }


def score_methods(
    segmenter: Segmenter, methods: Sequence[GlobalContext], samples: Iterable[Sample]
) -> list[QueryResults]:
    """The results of each method; each image is proposed for and each expression parsed once.

    Args:
        segmenter: its proposer and its parser are used.
        methods: those of one model share its text features.
        samples: images with their queries.
    """
    rows: list[list[QueryRow]] = [[] for _ in methods]
    for sample in samples:
        proposals = segmenter.proposer.propose(sample.image).checked_for(sample.image)
        phrases = segmenter.parser([query.expression for query in sample.queries])
        row_of = QueryRows(sample, proposals)
        text = dict[int, ContextFeatures]()
        for method_rows, method in zip(rows, methods, strict=True):
            if id(method.encoder) not in text:
                text[id(method.encoder)] = method.encode_text(phrases)
            cached = dataclasses.replace(segmenter, method=method).cached
            features = cached.encode_image(sample.image, proposals)
            chosen = best_of(cached.score(features, text[id(method.encoder)]))
            method_rows += [row_of(number, index) for number, index in enumerate(chosen)]
    return [QueryResults.of(method_rows) for method_rows in rows]


def _every_k(segmenter: Segmenter) -> list[GlobalContext]:
    """The segmenter's method with every k of its tower."""
    method = cast("GlobalContext", segmenter.method)
    depth = getattr(method.encoder.tower, "depth", 0)
    if not depth:
        raise ConfigurationError(
            f"figure 12 needs vision transformers, and {method.encoder.name} is a "
            f"{method.encoder.tower.family} model; name another as `vit` or `also_vit`"
        )
    return [dataclasses.replace(method, mask_layers=k) for k in range(1, depth + 1)]


def _own_layers(segmenter: Segmenter) -> int:
    """The k that the model's card or the paper recommends."""
    method = cast("GlobalContext", segmenter.method)
    own: int = method.mask_layers or method.encoder.tower.mask_layers  # type: ignore[union-attr]
    return own
