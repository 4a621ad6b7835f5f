"""``refmask demo``: the shipped pictures, segmented by phrase with the embedded model."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from refmask.types import Query, Sample

#: One picture for each of these kinds of phrase; its card says which kinds the model can tell.
KINDS = ("surroundings", "class", "colour", "long", "surroundings", "long")


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("--out", default="demo", metavar="DIR", help="where to write")


def run(args: argparse.Namespace) -> int:
    """Write a mask, an overlay and a record per picture, and all overlays on one sheet."""
    from refmask.data.scenes import read_scenes
    from refmask.drawing.overlay import overlay, png
    from refmask.drawing.sheet import sheet
    from refmask.export.folder import answer_names, write_answer
    from refmask.export.record import record
    from refmask.metrics import intersection_and_union, iou
    from refmask.ops.files import write_whole
    from refmask.segmenter import load

    out, segmenter = Path(args.out), load("embedded")
    drawings = []
    chosen = choose(list(read_scenes(split="val")))
    names = answer_names([query.expression for _, query in chosen])
    for name, (sample, query) in zip(names, chosen, strict=True):
        scene = segmenter.look(sample.image)
        answer = scene.find(query.expression)
        write_answer(out, name, scene, answer, record(answer, scene.proposals))
        drawings.append(overlay(scene.image, scene.proposals, answer))
        overlap = float(iou(*intersection_and_union(answer.mask, query.target)))
        print(f"{query.expression!r}: {answer.verdict}, IoU {overlap:.2f}")
    write_whole(out / "sheet.png", png(sheet(drawings, columns=3)))
    print(f"look at {out / 'sheet.png'}; each answer's mask, overlay and JSON are beside it")
    return 0


def choose(samples: list[Sample]) -> list[tuple[Sample, Query]]:
    """One query for each of ``KINDS``, each of another picture as far as there are enough."""
    chosen: list[tuple[Sample, Query]] = []
    for kind in KINDS:
        for sample in samples:
            fitting = [query for query in sample.queries if query.kind == kind]
            if fitting and all(sample is not other for other, _ in chosen):
                chosen.append((sample, fitting[0]))
                break
    return chosen
