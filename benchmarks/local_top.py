"""What ``--local-top M`` costs in accuracy and saves in time.

    python benchmarks/local_top.py [--threads 2] [--runs 5]

On the shipped scenes (val) with the embedded model, among their own masks and those of
``grouping``: figures, how many answers are those of the exact method, masks whose local features
were needed, and seconds per image for its first expression and for all of them, masks given. And
seconds of ViT-B/32 with deterministic weights, 480x640 pixels, 50 masks, one expression. Prints
tables and writes ``results/local_top.json``.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cases
import numpy as np
import questions
import torch
from harness import Figures, alternate, figures, write
from questions import Asked

from refmask.clip import ClipBackbone, load_clip
from refmask.factory import assemble
from refmask.methods import load_method
from refmask.methods.base import Method
from refmask.metrics import intersection_and_union, mean_iou, overall_iou
from refmask.types import BoolArray, MaskProposals

TOPS = (1, 2, 3, 5, 10, 20, None)


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--runs", type=int, default=5)
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    rows = [row for source in questions.SOURCES for row in on_scenes(source, chosen.runs)]
    content = {"runs": chosen.runs, "scenes": rows, "vit": on_vit(chosen.runs)}
    print(table(content))
    print(write("local_top", content))


def on_scenes(source: str, runs: int) -> list[dict[str, Any]]:
    """A row for each M."""
    asked, clip = questions.shipped(source), load_clip("embedded")
    methods = {top: blended(clip, top) for top in TOPS}
    first = [one._replace(phrases=one.phrases[:1]) for one in asked]
    works: dict[str, Callable[[int], Any]] = {}
    for top, method in methods.items():
        works[f"first {top}"] = lambda _, m=method: [answers(m, one) for one in first]
        works[f"all {top}"] = lambda _, m=method: [answers(m, one) for one in asked]
    seconds = {name: each(found, len(asked)) for name, found in alternate(works, runs).items()}
    exact = [answers(methods[None], one) for one in asked]
    return [
        {
            "proposals": source,
            "masks": float(np.mean([len(one.proposals) for one in asked])),
            "local_top": top,
            **accuracy(method, asked, exact),
            "first": seconds[f"first {top}"],
            "all": seconds[f"all {top}"],
        }
        for top, method in methods.items()
    ]


def blended(clip: ClipBackbone, top: int | None) -> Method:
    """The method as ``load`` makes it of the embedded model."""
    nobody: Any = None
    return assemble(clip, nobody, settings={"local_top": top}, parser=nobody).method


def answers(method: Method, one: Asked) -> list[int]:
    """The mask that is chosen for each expression."""
    scores = method.score(
        method.encode_image(one.image, one.proposals), method.encode_text(one.phrases)
    )
    return [int(best) for best in scores.argmax(axis=1)]


def accuracy(method: Method, asked: list[Asked], exact: list[list[int]]) -> dict[str, float]:
    """Figures, the share of answers as by the exact method, and crops per image."""
    shared, united, same, crops = [], [], [], []
    for one, right in zip(asked, exact, strict=True):
        text = method.encode_text(one.phrases)
        seen = method.focus(method.encode_image(one.image, one.proposals), text)
        chosen = method.score(seen, text).argmax(axis=1)
        masks: BoolArray = one.proposals.masks[chosen]
        both, either = intersection_and_union(masks, np.stack(one.targets))
        shared.extend(both)
        united.extend(either)
        same.extend(chosen == right)
        known = getattr(seen, "known", np.ones(len(one.proposals), np.bool_))
        crops.append(known.sum())
    return {
        "oIoU": overall_iou(np.array(shared), np.array(united)),
        "mIoU": mean_iou(np.array(shared), np.array(united)),
        "same": float(np.mean(same)),
        "crops": float(np.mean(crops)),
    }


def on_vit(runs: int) -> list[dict[str, Any]]:
    """What a model of usual size takes for each M."""
    with tempfile.TemporaryDirectory() as folder:
        clip = load_clip(*cases.files(cases.model("ViT-B/32", 3), Path(folder)))
    image, proposals = cases.make_image(), MaskProposals(cases.masks(50))
    (golden, *_) = questions.golden(0)
    one = Asked(image, proposals, golden.phrases[:1], [])
    methods = {str(top): load_method("global-local", clip, local_top=top) for top in TOPS}
    works = {name: lambda _, m=method: answers(m, one) for name, method in methods.items()}
    seconds = alternate(works, runs)
    return [{"local_top": top, "seconds": figures(seconds[str(top)])} for top in TOPS]


def each(seconds: list[float], count: int) -> Figures:
    """Per image."""
    return figures([value / count for value in seconds])


def table(results: dict[str, Any]) -> str:
    """Both tables in Markdown."""
    lines = [
        "| masks | M | oIoU % | mIoU % | as exact | crops | first expression | all |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for told in results["scenes"]:
        cells = (
            f"{told['proposals']} ({told['masks']:.0f})",
            str(told["local_top"] or "all"),
            *(f"{100 * told[name]:.1f}" for name in ("oIoU", "mIoU")),
            f"{told['same']:.1%}",
            f"{told['crops']:.1f}",
            *(f"{1000 * told[name]['median']:.0f} ms" for name in ("first", "all")),
        )
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "| M | ViT-B/32, 50 masks, one expression |", "|---|---|"]
    for told in results["vit"]:
        lines.append(f"| {told['local_top'] or 'all'} | {told['seconds']['median']:.2f} s |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
