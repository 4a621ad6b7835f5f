"""How often bf16 changes the chosen mask against fp32, and how far it moves scores.

    python benchmarks/precision.py [--threads 2] [--fresh 100] [--more 188]

The embedded model on the shipped scenes (val) and on fresh ones, among their own masks and those of
``grouping``; and models with deterministic random weights on the two golden images, asked the
golden expressions and more of the kind. Beside it, what fp32 makes of the same images when every
value of every pixel moves by at most one grey level: random weights amplify any such change, where
trained ones do not. Prints a table and writes ``results/precision.json``.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cases
import numpy as np
import numpy.typing as npt
import open_clip
import questions
import torch
from cases import Model
from harness import write
from questions import Asked

from refmask.clip import load_clip
from refmask.factory import assemble
from refmask.metrics import intersection_and_union, overall_iou
from refmask.types import FloatArray, UInt8Array

PRECISIONS = ("fp32", "bf16")
TEXT = {"context_length": 77, "vocab_size": 49408, "width": 128, "heads": 2, "layers": 3}
VISION: dict[str, dict[str, Any]] = {
    "tiny_vit32": {"layers": 12, "width": 128, "head_width": 64, "patch_size": 32},
    "tiny_vit16": {"layers": 12, "width": 128, "head_width": 64, "patch_size": 16},
    "tiny_rn": {"layers": [1, 1, 1, 1], "width": 16, "head_width": 64, "patch_size": None},
}
OPENAI = {"vit_b32": "ViT-B-32-quickgelu", "rn50": "RN50-quickgelu"}


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--fresh", type=int, default=100, help="number of fresh scenes")
    parser.add_argument("--more", type=int, default=188, help="expressions about golden images")
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    content = {"rows": [*on_scenes(chosen.fresh), *on_golden(chosen.more)]}
    print(table(content))
    print(write("precision", content))


def on_scenes(fresh: int) -> Iterator[dict[str, Any]]:
    """A row for each kind of scenes and masks."""
    for source in questions.SOURCES:
        yield row("embedded", f"val, {source}", questions.shipped(source))
        yield row("embedded", f"{fresh} fresh, {source}", questions.fresh(fresh, source))


def on_golden(more: int) -> Iterator[dict[str, Any]]:
    """A row for each golden model."""
    asked = questions.golden(more)
    configurations = {name: open_clip.get_model_config(full) for name, full in OPENAI.items()} | {
        name: {
            "embed_dim": 64,
            "quick_gelu": True,
            "vision_cfg": {"image_size": 224, **vision},
            "text_cfg": TEXT,
        }
        for name, vision in VISION.items()
    }
    for name, cfg in configurations.items():
        with tempfile.TemporaryDirectory() as folder:
            cfg_file, weights = cases.files(Model(name, cfg), Path(folder))
            yield row(cfg_file, "golden", asked, weights, name)


def row(
    model: str, where: str, asked: list[Asked], weights: str | None = None, name: str | None = None
) -> dict[str, Any]:
    """What a model's answers are in both precisions."""
    fp32, bf16 = (scores(model, weights, precision, asked) for precision in PRECISIONS)
    noisy = scores(model, weights, "fp32", [one._replace(image=noise(one.image)) for one in asked])
    moved, moved_by_noise = (distances(fp32, other) for other in (bf16, noisy))
    margins, changes = map(np.concatenate, zip(*map(margin, fp32, bf16), strict=True))
    best, best_bf16, best_noisy = (choices(each) for each in (fp32, bf16, noisy))
    changed = best != best_bf16
    told = {
        "model": name or model,
        "where": where,
        "expressions": len(margins),
        "masks": float(np.mean([len(one.proposals) for one in asked])),
        "changed": int(changed.sum()),
        "changed_by_noise": int((best != best_noisy).sum()),
        "moved_mean": float(moved.mean()),
        "moved_most": float(moved.max()),
        "moved_by_noise_mean": float(moved_by_noise.mean()),
        "margin_median": float(np.median(margins)),
        "margin_moved_median": float(np.median(changes / margins)),
        "changed_margin_most": float(margins[changed].max()) if changed.any() else None,
    }
    if asked[0].targets:
        told |= {"fp32": overall(asked, best), "bf16": overall(asked, best_bf16)}
    return told


def scores(model: str, weights: str | None, precision: str, asked: list[Asked]) -> list[FloatArray]:
    """Logits (T, N) per image, with the blend that ``load`` chooses."""
    nobody: Any = None
    clip = load_clip(model, weights, precision=precision)
    method = assemble(clip, nobody, parser=nobody).method
    return [
        method.score(method.encode_image(one.image, one.proposals), method.encode_text(one.phrases))
        for one in asked
    ]


def noise(image: UInt8Array) -> UInt8Array:
    """The image with every value moved by -1, 0 or 1, the same way each time."""
    step = np.random.default_rng(0).integers(-1, 2, image.shape)
    return np.clip(image + step, 0, 255).astype(np.uint8)


def distances(one: list[FloatArray], other: list[FloatArray]) -> FloatArray:
    """How far each score of all images moves."""
    moved = [np.abs(after - before).ravel() for before, after in zip(one, other, strict=True)]
    return np.concatenate(moved)


def choices(scores: list[FloatArray]) -> npt.NDArray[np.intp]:
    """The best mask of each expression, image by image."""
    return np.concatenate([each.argmax(axis=1) for each in scores])


def margin(fp32: FloatArray, bf16: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Per expression, by how much the best leads in fp32, and by how much that lead changes."""
    rows, (second, first) = np.arange(len(fp32)), np.argsort(fp32, axis=1)[:, -2:].T
    lead, other = (scores[rows, first] - scores[rows, second] for scores in (fp32, bf16))
    return lead, np.abs(other - lead)


def overall(asked: list[Asked], chosen: npt.NDArray[np.intp]) -> float:
    """OIoU of the chosen masks."""
    ends = np.cumsum([len(one.phrases) for one in asked])
    pairs = [
        intersection_and_union(one.proposals.masks[best], np.stack(one.targets))
        for one, best in zip(asked, np.split(chosen, ends[:-1]), strict=True)
    ]
    return overall_iou(*(np.concatenate(part) for part in zip(*pairs, strict=True)))


def table(results: dict[str, Any]) -> str:
    """As Markdown."""
    lines = [
        "| model | where | expressions | masks | other choices | by a grey level | scores move "
        "| most | by a grey level | margin | margin moves | largest lost | oIoU fp32, bf16 |",
        "|" + 13 * "---|",
    ]
    for told in results["rows"]:
        lost, count = told["changed_margin_most"], told["expressions"]
        cells = (
            *(str(told[name]) for name in ("model", "where", "expressions")),
            f"{told['masks']:.0f}",
            *(f"{told[n]} ({told[n] / count:.2%})" for n in ("changed", "changed_by_noise")),
            *(f"{told[n]:.3f}" for n in ("moved_mean", "moved_most", "moved_by_noise_mean")),
            f"{told['margin_median']:.2f}",
            f"{told['margin_moved_median']:.1%}",
            "" if lost is None else f"{lost:.3f}",
            ", ".join(f"{100 * told[p]:.2f}" for p in PRECISIONS if p in told),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
