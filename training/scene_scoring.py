"""The method on scenes in a few lines, to choose a checkpoint, alpha and k while training.

The published figures come from refmask itself (``evaluate_scenes.py``); this is its shadow,
which keeps crops and grids of a fixed set of scenes ready so that a look costs seconds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import open_clip
import torch
from open_clip.tokenizer import SimpleTokenizer
from PIL import Image
from torch import Tensor
from torch.nn import functional

from clip_towers import SIDE, encode_image, encode_masked, encode_text, normalise
from emoji_scenes import Sprites, expressions, render, sample_layout
from refmask.metrics import intersection_and_union, overall_iou
from scene_cutouts import stretch

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]

ALPHAS = tuple(round(0.05 * step, 2) for step in range(21))
_AFTER_NOUN = re.compile(r" (?:on|standing|next|left of|right of|above|below|at) .*")


@dataclass(frozen=True, eq=False)
class Looked:
    """A scene made ready: N proposals, Q expressions.

    Attributes:
        pixels: uint8 (S, S, 3), the scene as the model sees it.
        grids: float32 (N, 49), area of each patch that a proposal covers.
        crops: uint8 (N, S, S, 3).
        sentences: Q expressions.
        phrases: Q noun phrases.
        kinds: Q kinds.
        overlaps: (Q, N) intersections with the target, and (Q, N) unions.
    """

    pixels: npt.NDArray[np.uint8]
    grids: Tensor
    crops: npt.NDArray[np.uint8]
    sentences: list[str]
    phrases: list[str]
    kinds: list[str]
    overlaps: tuple[FloatArray, FloatArray]


def half_of(mask: BoolArray, rng: np.random.Generator) -> BoolArray:
    """The left, right, upper or lower half of a mask's box."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    half = mask.copy()
    middle_row, middle_column = int(np.mean(rows)) + 1, int(np.mean(columns)) + 1
    side = int(rng.integers(4))
    if side < 2:
        half[:middle_row] &= side == 0
        half[middle_row:] &= side == 1
    else:
        half[:, :middle_column] &= side == 2
        half[:, middle_column:] &= side == 3
    return half


def propose(objects: BoolArray, surfaces: BoolArray, rng: np.random.Generator) -> BoolArray:
    """Objects, surfaces and one half of each object, bool (N, H, W) without empty masks."""
    halves = np.stack([half_of(mask, rng) for mask in objects])
    masks = np.concatenate([objects, surfaces, halves])
    return masks[masks.any(axis=(1, 2))]


def look(count: int, seed: int, side: int = 400) -> Iterator[Looked]:
    """Fresh scenes with their proposals and expressions."""
    rng, sprites = np.random.default_rng(seed), Sprites()
    for _ in range(count):
        layout = sample_layout(rng)
        image = render(layout, sprites, side=side)
        masks = propose(image.objects, image.surfaces, rng)
        said = expressions(layout, rng)
        targets = image.objects[[index for index, _, _ in said]]
        small = Image.fromarray(image.image).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
        grids = functional.adaptive_avg_pool2d(torch.tensor(masks)[:, None].float(), SIDE // 16)
        yield Looked(
            np.asarray(small),
            grids.flatten(1),
            np.stack([stretch(image.image, mask, SIDE) for mask in masks]),
            [sentence for _, sentence, _ in said],
            [_AFTER_NOUN.sub("", sentence) for _, sentence, _ in said],
            [kind for _, _, kind in said],
            intersection_and_union(masks[None], targets[:, None]),
        )


@torch.inference_mode()
def features(
    model: open_clip.CLIP, tokenizer: SimpleTokenizer, looked: list[Looked], mask_layers: list[int]
) -> dict[str, list[Tensor]]:
    """Unit features per scene: "local", "sentence", "phrase" and "global<k>" for each k."""
    found: dict[str, list[Tensor]] = {"local": [], "sentence": [], "phrase": []}
    with torch.autocast("cpu", torch.bfloat16):
        for scene in looked:
            found["local"].append(encode_image(model, normalise(torch.from_numpy(scene.crops))))
            found["sentence"].append(encode_text(model, tokenizer(scene.sentences)))
            found["phrase"].append(encode_text(model, tokenizer(scene.phrases)))
        pixels = normalise(torch.from_numpy(np.stack([scene.pixels for scene in looked])))
        grids = [scene.grids for scene in looked]
        for k in mask_layers:
            found[f"global{k}"] = encode_masked(model, pixels, grids, k)
    return found


def choices(
    found: dict[str, list[Tensor]], k: int, alpha: float, beta: float
) -> list[npt.NDArray[np.int64]]:
    """Index of the best proposal of each expression, per scene."""
    best = []
    for index, local in enumerate(found["local"]):
        image = alpha * found[f"global{k}"][index] + (1 - alpha) * local
        text = beta * found["sentence"][index] + (1 - beta) * found["phrase"][index]
        similarity = functional.normalize(text, dim=-1) @ functional.normalize(image, dim=-1).T
        best.append(similarity.argmax(dim=1).numpy())
    return best


def chosen_overlaps(
    looked: list[Looked], best: list[npt.NDArray[np.int64]]
) -> tuple[FloatArray, FloatArray]:
    """Intersections and unions (Q,) of the chosen proposals over all scenes."""
    rows = [np.arange(len(chosen)) for chosen in best]
    return (
        np.concatenate([s.overlaps[0][r, b] for s, r, b in zip(looked, rows, best, strict=True)]),
        np.concatenate([s.overlaps[1][r, b] for s, r, b in zip(looked, rows, best, strict=True)]),
    )


def sweep(
    looked: list[Looked], found: dict[str, list[Tensor]], mask_layers: list[int], beta: float = 0.5
) -> dict[tuple[int, float], float]:
    """Overall IoU for each k and alpha."""
    return {
        (k, alpha): overall_iou(*chosen_overlaps(looked, choices(found, k, alpha, beta)))
        for k in mask_layers
        for alpha in ALPHAS
    }
