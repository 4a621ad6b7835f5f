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

#: One scene for each of these kinds of phrase; its card says which kinds the model can tell.
KINDS = ("surroundings", "class", "colour", "long", "surroundings")


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("--out", default="demo", metavar="DIR", help="where to write")


def run(args: argparse.Namespace) -> int:
    """Write a mask, an overlay and a record per answer, and all overlays on one sheet."""
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
    print(f"look at {out / 'sheet.png'}; each answer's mask, overlay and JSON are beside it")
    return 0


def _photographs() -> Iterator[tuple[Scene, Segmentation]]:
    """Answers of the preview about photographs, each told as it comes."""
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
    """Answers of the emoji model about the scenes that it was made for, told with their IoU."""
    from refmask.data.scenes import read_scenes
    from refmask.factory import load_shipped
    from refmask.metrics import intersection_and_union, iou
    from refmask.provenance import EMBEDDED

    print("emoji scenes, by the model that knows nothing else:")
    segmenter = load_shipped(EMBEDDED)
    for sample, query in choose(list(read_scenes(split="val"))):
        scene = segmenter.look(sample.image)
        answer = scene.find(query.expression)
        overlap = float(iou(*intersection_and_union(answer.mask, query.target)))
        print(f"  {query.expression!r}: {answer.verdict}, IoU {overlap:.2f}")
        yield scene, answer


def choose(samples: list[Sample]) -> list[tuple[Sample, Query]]:
    """One query for each of ``KINDS``, each of another image as far as there are enough."""
    chosen: list[tuple[Sample, Query]] = []
    for kind in KINDS:
        for sample in samples:
            fitting = [query for query in sample.queries if query.kind == kind]
            if fitting and all(sample is not other for other, _ in chosen):
                chosen.append((sample, fitting[0]))
                break
    return chosen
