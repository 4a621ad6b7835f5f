"""Train the small CLIP that ships with refmask: images and captions, no mask in any loss.

    python training/train_clip.py --out clip --steps 800

takes one thread about a quarter of an hour. What it writes is an open_clip model folder.
"""

from __future__ import annotations

import argparse
import copy
import math
import time
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import torch
from open_clip.tokenizer import SimpleTokenizer
from torch import Tensor
from torch.nn import functional

from clip_tokenizer import merges_for, words_in, write_merges
from clip_towers import (
    CONTEXT,
    MERGES_FILE,
    SIDE,
    build,
    encode_image,
    encode_text,
    normalise,
    plain_attention,
    save_folder,
)
from scene_batches import Batch, BatchMaker, Recipe
from scene_captions import vocabulary
from scene_scoring import Looked, features, look, sweep

WARM_UP = 60
MASK_LAYERS = [1, 2, 3, 4]
#: Seeds of the scenes by which the checkpoint is chosen, and alpha and k; never those of a test.
CHECKPOINT_SEED, SETTLING_SEED = 900_001, 77


@dataclass(frozen=True)
class Plan:
    """How to train.

    Attributes:
        steps: optimiser steps.
        rate: greatest learning rate.
        twin_weight: of the twins' loss beside the two contrastive ones.
        seed: of weights, scenes and captions.
        every: steps between looks at the validation scenes.
        scenes: number of validation scenes.
        settling: number of other validation scenes on which alpha and k are chosen at the end.
    """

    steps: int = 800
    rate: float = 1.2e-3
    twin_weight: float = 1.0
    seed: int = 0
    every: int = 50
    scenes: int = 80
    settling: int = 200


def to_images(similarity: Tensor, truth: Tensor, owner: Tensor) -> Tensor:
    """InfoNCE from captions to images; other images a caption is true of are left out.

    Args:
        similarity: (R, C), scaled, captions by images.
        truth: bool (R, C), whether the caption is true of the image.
        owner: int (R,), the image each caption was written for.
    """
    others = truth.clone()
    others[torch.arange(len(owner)), owner] = False
    return functional.cross_entropy(similarity.masked_fill(others, -torch.inf), owner)


def to_captions(similarity: Tensor, truth: Tensor, owner: Tensor) -> Tensor:
    """InfoNCE from images to each of their captions; other true captions are left out."""
    own = torch.arange(len(owner))
    others = truth[:, owner].T.clone()
    others[own, own] = False
    return functional.cross_entropy(similarity[:, owner].T.masked_fill(others, -torch.inf), own)


def contrast(similarity: Tensor, truth: Tensor, owner: Tensor) -> Tensor:
    """Symmetric InfoNCE in which nothing true counts as wrong."""
    parts = to_images(similarity, truth, owner), to_captions(similarity, truth, owner)
    return (parts[0] + parts[1]) / 2


def twin_loss(similarity: Tensor, truth: Tensor, owner: Tensor) -> Tensor:
    """Softplus of how much better a caption fits the twin of its scene, where false of it."""
    own = torch.arange(len(owner))
    twin = owner ^ 1
    gap = (similarity[own, twin] - similarity[own, owner])[~truth[own, twin]]
    return functional.softplus(gap).sum() / max(1, len(gap))


def losses(
    model: open_clip.CLIP, tokenizer: SimpleTokenizer, batch: Batch
) -> tuple[Tensor, Tensor, Tensor]:
    """The scenes', the cut-outs' and the twins' loss of one batch."""
    pixels = normalise(torch.from_numpy(np.concatenate([batch.scenes, batch.cutouts])))
    texts = tokenizer([*batch.scene_texts, *batch.cutout_texts])
    images, captions = len(batch.scenes), len(batch.scene_texts)
    with torch.autocast("cpu", torch.bfloat16):
        images = encode_image(model, pixels)
        words = encode_text(model, texts)
    scale = model.logit_scale.exp().clamp(max=100)
    scenes = scale * words[:captions] @ images[:images].T
    cutouts = scale * words[captions:] @ images[images:].T
    truth, owner = torch.from_numpy(batch.scene_truth), torch.from_numpy(batch.scene_owner)
    return (
        contrast(scenes, truth, owner),
        contrast(cutouts, torch.from_numpy(batch.cutout_truth), torch.arange(len(cutouts))),
        twin_loss(scenes, truth, owner),
    )


def optimiser_of(model: open_clip.CLIP, plan: Plan) -> torch.optim.AdamW:
    """AdamW; biases, norms, embeddings of places and the scale do not decay."""
    decayed, free = [], []
    for name, value in model.named_parameters():
        plain = value.ndim < 2 or "positional" in name
        (free if plain else decayed).append(value)
    groups = [{"params": decayed, "weight_decay": 0.05}, {"params": free, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=plan.rate, betas=(0.9, 0.98))


def rate_at(step: int, plan: Plan) -> float:
    """Linear warm-up, then half a cosine down to nothing."""
    if step < WARM_UP:
        return plan.rate * (step + 1) / WARM_UP
    return plan.rate / 2 * (1 + math.cos(math.pi * (step - WARM_UP) / (plan.steps - WARM_UP)))


def fit(
    model: open_clip.CLIP,
    tokenizer: SimpleTokenizer,
    plan: Plan,
    recipe: Recipe,
    looked: list[Looked],
) -> dict[str, Tensor]:
    """Train; the state that was best on the validation scenes."""
    make, optimiser = BatchMaker(recipe, SIDE, plan.seed), optimiser_of(model, plan)
    best = -1.0, copy.deepcopy(model.state_dict())
    total, started = np.zeros(3), time.monotonic()
    for step in range(plan.steps):
        for group in optimiser.param_groups:
            group["lr"] = rate_at(step, plan)
        parts = losses(model, tokenizer, make())
        optimiser.zero_grad()
        (parts[0] + parts[1] + plan.twin_weight * parts[2]).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        total += [part.item() for part in parts]
        if (step + 1) % plan.every == 0:
            scores = sweep(looked, features(model, tokenizer, looked, MASK_LAYERS), MASK_LAYERS)
            (k, alpha), score = max(scores.items(), key=lambda entry: entry[1])
            local = scores[MASK_LAYERS[0], 0.0]
            alone = max(scores[layers, 1.0] for layers in MASK_LAYERS)
            print(
                f"step {step + 1}  {time.monotonic() - started:.0f} s  scene, cut-out, twin loss "
                f"{np.round(total / plan.every, 3)}  oIoU local {local:.3f} global {alone:.3f} "
                f"both {score:.3f} (k {k}, alpha {alpha})",
                flush=True,
            )
            total[:] = 0
            if score > best[0]:
                best = score, copy.deepcopy(model.state_dict())
    return best[1]


def settle(model: open_clip.CLIP, tokenizer: SimpleTokenizer, count: int) -> dict[str, float]:
    """Choose alpha and k on ``count`` scenes by the overall IoU of both features."""
    looked = list(look(count, SETTLING_SEED))
    scores = sweep(looked, features(model, tokenizer, looked, MASK_LAYERS), MASK_LAYERS)
    k, alpha = max(scores, key=lambda entry: scores[entry])
    return {"alpha": alpha, "mask_layers": k}


def read_options() -> tuple[Path, Plan, Recipe]:
    """Where to write, and every number of the plan and the recipe."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    for default in (Plan(), Recipe()):
        for name, value in asdict(default).items():
            if isinstance(value, int | float):
                flag = "--" + name.replace("_", "-")
                parser.add_argument(flag, type=type(value), default=value, help="%(default)s")
    options = vars(parser.parse_args())

    def fields_of(kind: type) -> dict[str, Any]:
        return {field.name: options[field.name] for field in fields(kind) if field.name in options}

    return options["out"], Plan(**fields_of(Plan)), Recipe(**fields_of(Recipe))


def main() -> None:
    """Train and write the folder."""
    folder, plan, recipe = read_options()
    torch.manual_seed(plan.seed)
    functional.scaled_dot_product_attention = plain_attention
    folder.mkdir(parents=True, exist_ok=True)
    merges = folder / MERGES_FILE
    size = write_merges(merges, merges_for(words_in(vocabulary())))
    tokenizer = SimpleTokenizer(bpe_path=str(merges), context_length=CONTEXT)
    model = build(size)
    looked = list(look(plan.scenes, CHECKPOINT_SEED))
    model.load_state_dict(fit(model, tokenizer, plan, recipe, looked))
    settings = settle(model, tokenizer, plan.settling)
    save_folder(
        folder, model, size, settings | {"beta": 0.5, "recipe": asdict(plan) | asdict(recipe)}
    )


if __name__ == "__main__":
    main()
