"""One picture with its masks: the first answer, the next ones, and the encoders alone."""

from __future__ import annotations

import itertools
from typing import Any

import cases
import numpy as np
import operations
import plain
import torch
from cases import Pair
from harness import alternate
from rows import Rates, Target, row
from torch import Tensor
from torch.nn import functional

from refmask.types import Bools, MaskProposals

FIRST = {
    "ViT-B/32": Target(ratio=6.0),
    "RN50": Target(ratio=6.0),
    "ViT-B/16": Target(ratio=5.0),
    "ViT-L/14": Target(ratio=5.0),
}
NEXT = {"ViT-B/32": Target(ratio=100.0, seconds=0.015)}
CROPS = Target(share=0.55)
#: Answers that take milliseconds are asked for so many times as often.
OFTEN = 4


def rows(pair: Pair, runs: int, rates: Rates, count: int = 50) -> list[dict[str, Any]]:
    """First answer, next answer, crop encoder and masked encoder of a model.

    Args:
        pair: the model on both sides.
        runs: of each work.
        rates: of the machine.
        count: masks.
    """
    name, cfg = pair.model.name, pair.model.cfg
    clip, parser = pair.segmenter.method.clip, pair.segmenter.parser
    image, masks = cases.picture(), cases.masks(count)
    pixels = plain.prepare(image)
    crops = plain.cut(plain.bilinear(pixels, image.shape[:2]), floating(masks))
    whole, soft = plain.bilinear(pixels, (plain.SIDE, plain.SIDE)), touched(pair, masks)
    # Nobody is asked the same twice: features of texts are kept.
    new = (cases.expressions(1, number)[0] for number in itertools.count())
    works = {
        "plain": lambda _: pair.plain.scores(image, masks, parser([next(new)])),
        "ours": lambda _: pair.segmenter.look(image, MaskProposals(masks)).find(next(new)),
        "crops": lambda _: clip.encode_image(crops),
        "masked": lambda _: clip.encode_masked(whole, soft),
    }
    taken = alternate(works, runs)
    scene = pair.segmenter.look(image, MaskProposals(masks))
    brief = {
        "next": lambda _: scene.find(next(new)),
        "sentence": lambda _: pair.plain.read(parser([next(new)])[0]),
    }
    taken |= alternate(brief, OFTEN * runs, warm=2)

    rate = rates.of(clip.precision)
    encoding = operations.encode(cfg, count)
    masking = operations.masked(cfg, soft, pair.model.mask_layers)
    return [
        row(
            f"one picture, {count} masks, one expression, {name}",
            taken["ours"],
            taken["plain"],
            target=FIRST.get(name),
            operations=needed(pair, masks, cases.expressions(1)),
            rate=rate,
        ),
        row(
            f"crop encoder alone, {name}",
            taken["crops"],
            target=CROPS,
            operations=encoding,
            rate=rate,
        ),
        row(f"masked encoder alone, {name}", taken["masked"], operations=masking, rate=rate),
        row(
            f"next expression on a looked-at scene, {name}",
            taken["next"],
            taken["plain"],
            target=NEXT.get(name),
            plain_text=float(np.median(taken["sentence"])),
        ),
    ]


def needed(pair: Pair, masks: Bools, expressions: list[str]) -> int:
    """Multiply-adds of one picture's masks, bool (N, H, W), and its expressions."""
    cfg, layers = pair.model.cfg, pair.model.mask_layers
    looking = operations.encode(cfg, len(masks)) + operations.masked(
        cfg, touched(pair, masks), layers
    )
    phrases = pair.segmenter.parser(expressions)
    texts = list({text for p in phrases for text in (p.text, p.noun_phrase)})
    lengths = (pair.plain.tokenizer(texts) != 0).sum(1)
    return looking + operations.read(cfg, lengths.tolist())


def touched(pair: Pair, masks: Bools) -> Tensor:
    """Which cells of the feature map each mask touches: float32 (N, h, w), 0 or 1."""
    grid = pair.segmenter.method.clip.tower.grid
    return functional.adaptive_max_pool2d(floating(masks), grid)[:, 0]


def floating(masks: Bools) -> Tensor:
    """float32 (N, 1, H, W)."""
    return torch.from_numpy(masks).float()[:, None]
