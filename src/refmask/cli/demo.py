"""``refmask demo``: shipped photographs, then shipped emoji scenes, segmented by phrase."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from refmask.answer import Segmentation
    from refmask.scene import Scene
    from refmask.types import Query, Sample

#: One scene per kind of phrase; the model's card says which kinds it can distinguish.
KINDS = ("surroundings", "class", "colour", "long", "surroundings")


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("--out", default="demo", metavar="DIR", help="where to write")


def run(args: argparse.Namespace) -> int:
    """Write mask, overlay and record of each answer, and one sheet of all overlays."""
    from itertools import chain

    from refmask.export.folder import answer_names, write_answer
    from refmask.ops.files import write_whole
    from refmask.visualize.overlay import overlay, png
    from refmask.visualize.sheet import sheet

    out = Path(args.out)
    answers = list(chain(_photographs(), _scenes()))
    names = answer_names([answer.why.phrase.expression for _, answer in answers])
    for name, (scene, answer) in zip(names, answers, strict=True):
        write_answer(out, name, scene.image, answer)
    drawings = [overlay(scene.image, answer) for scene, answer in answers]
    write_whole(out / "sheet.png", png(sheet(drawings, columns=3)))
    print(
        f"All overlays: {out / 'sheet.png'}. Masks, overlays and JSON of each answer are beside it."
    )
    return 0


def _photographs() -> Iterator[tuple[Scene, Segmentation]]:
    """Segment the photographs with the preview, and print each answer."""
    from refmask.data.photographs import read_photographs
    from refmask.factory import load_shipped
    from refmask.provenance import OFFLINE

    print("photographs, by the offline preview:")
    segmenter = load_shipped(OFFLINE)
    for photograph in read_photographs():
        scene = segmenter.look(photograph.image)
        for answer in scene.find(photograph.phrases + photograph.absent):
            print(f"  {photograph.name}: {answer.why.phrase.expression!r}: {answer.verdict}")
            yield scene, answer


def _scenes() -> Iterator[tuple[Scene, Segmentation]]:
    """Segment emoji scenes with the model made for them, and print each IoU."""
    from refmask.data.scenes import read_scenes
    from refmask.factory import load_shipped
    from refmask.metrics import intersection_and_union, iou
    from refmask.provenance import EMBEDDED

    print("emoji scenes, by the embedded model (emoji scenes only):")
    segmenter = load_shipped(EMBEDDED)
    for sample, query in choose(list(read_scenes(split="val"))):
        scene = segmenter.look(sample.image)
        answer = scene.find(query.expression)
        overlap = float(iou(*intersection_and_union(answer.mask, query.target)))
        print(f"  {query.expression!r}: {answer.verdict}, IoU {overlap:.2f}")
        yield scene, answer


def choose(samples: list[Sample]) -> list[tuple[Sample, Query]]:
    """One query for each of ``KINDS``, of different images where there are enough."""
    chosen: list[tuple[Sample, Query]] = []
    for kind in KINDS:
        for sample in samples:
            fitting = [query for query in sample.queries if query.kind == kind]
            if fitting and all(sample is not other for other, _ in chosen):
                chosen.append((sample, fitting[0]))
                break
    return chosen
