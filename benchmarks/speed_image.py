"""One image with its masks: the first answer, the next ones, and the encoders alone."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import cases
import operations
import plain
import torch
from cases import Pair
from harness import alternate
from rows import Rates, Target, row
from torch import Tensor
from torch.nn import functional

from refmask.types import BoolArray, MaskProposals

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

Seconds = dict[str, list[float]]


def rows(pair: Pair, runs: int, rates: Rates, count: int = 50) -> list[dict[str, Any]]:
    """First answer, next answer, crop encoder and masked encoder of a model.

    Args:
        pair: the model on both sides.
        runs: of each work.
        rates: of the machine.
        count: masks.
    """
    name, cfg, masks = pair.model.name, pair.model.cfg, cases.masks(count)
    rate = rates.of(pair.segmenter.method.encoder.precision)
    # Nobody is asked the same twice: features of texts are kept.
    new = (cases.expressions(1, number)[0] for number in itertools.count())
    whole, parts = answers(pair, masks, runs, new), encoders(pair, masks, runs)
    after = next_answers(pair, masks, runs, new)
    encoding = operations.encode(cfg, count)
    masking = operations.masked(cfg, touched(pair, masks), pair.model.mask_layers)
    return [
        row(
            f"one image, {count} masks, one expression, {name}",
            whole["ours"],
            whole["plain"],
            target=FIRST.get(name),
            operations=needed(pair, masks, cases.expressions(1)),
            rate=rate,
        ),
        row(
            f"crop encoder alone, {name}",
            parts["crops"],
            target=CROPS,
            operations=encoding,
            rate=rate,
        ),
        row(f"masked encoder alone, {name}", parts["masked"], operations=masking, rate=rate),
        row(
            f"next expression on a looked-at scene, {name}",
            after["ours"],
            whole["plain"],
            target=NEXT.get(name),
        ),
        row(f"the same, plain reading its texts alone, {name}", after["ours"], after["plain"]),
    ]


def answers(pair: Pair, masks: BoolArray, runs: int, new: Iterator[str]) -> Seconds:
    """An image and its first expression, from pixels to the mask."""
    image, parser = cases.make_image(), pair.segmenter.parser

    def plainly(run: int) -> None:
        pair.plain.scores(image, some(masks, run), parser([next(new)]))

    def ours(run: int) -> None:
        pair.segmenter.look(image, MaskProposals(some(masks, run))).find(next(new))

    return alternate({"plain": plainly, "ours": ours}, runs)


def encoders(pair: Pair, masks: BoolArray, runs: int) -> Seconds:
    """What our image tower takes for crops, and for masks of the whole image."""
    image, clip = cases.make_image(), pair.segmenter.method.encoder
    pixels, soft = plain.prepare(image), touched(pair, masks)
    crops = plain.cut(plain.bilinear(pixels, image.shape[:2]), floating(masks))
    whole = plain.bilinear(pixels, (plain.SIDE, plain.SIDE))
    works = {
        "crops": lambda run: clip.encode_image(some(crops, run)),
        "masked": lambda run: clip.encode_masked(whole, some(soft, run)),
    }
    return alternate(works, runs)


def next_answers(pair: Pair, masks: BoolArray, runs: int, new: Iterator[str]) -> Seconds:
    """A further expression: ours on the scene, and no more than its text the plain way."""
    scene = pair.segmenter.look(cases.make_image(), MaskProposals(masks))
    works = {
        "ours": lambda _: scene.find(next(new)),
        "plain": lambda _: pair.plain.read(pair.segmenter.parser([next(new)])[0]),
    }
    return alternate(works, OFTEN * runs, warm=2)


def some(of_masks: Any, run: int) -> Any:
    """All of them, but a few in the run that warms up."""
    return of_masks if run else of_masks[:8]


def needed(pair: Pair, masks: BoolArray, expressions: list[str]) -> int:
    """Multiply-adds of one image's masks, bool (N, H, W), and its expressions."""
    cfg, layers = pair.model.cfg, pair.model.mask_layers
    looking = operations.encode(cfg, len(masks)) + operations.masked(
        cfg, touched(pair, masks), layers
    )
    phrases = pair.segmenter.parser(expressions)
    texts = list({text for p in phrases for text in (p.text, p.noun_phrase)})
    lengths = (pair.plain.tokenizer(texts) != 0).sum(1)
    return looking + operations.read(cfg, lengths.tolist())


def touched(pair: Pair, masks: BoolArray) -> Tensor:
    """Which cells of the feature map each mask touches: float32 (N, h, w), 0 or 1."""
    grid = pair.segmenter.method.encoder.tower.grid
    return functional.adaptive_max_pool2d(floating(masks), grid)[:, 0]


def floating(masks: BoolArray) -> Tensor:
    """float32 (N, 1, H, W)."""
    return torch.tensor(masks).float()[:, None]
