"""Images with masks to choose from and expressions about them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import cases
import numpy as np

from refmask.data import load_dataset
from refmask.evaluation.sources import INSTANCES, Instances, ProposalSource, Proposed
from refmask.ops.images import read_image
from refmask.proposals import load_proposer
from refmask.proposals.refine import Refinement
from refmask.text.parser import PhraseParser
from refmask.types import BoolArray, MaskProposals, Sample, TargetPhrase, UInt8Array

sys.path.insert(0, str(Path(__file__).parents[1] / "training"))

from emoji_scenes import Sprites, generate

#: Where the masks of scenes come from: their own, or as without any other help.
SOURCES = (INSTANCES, "grouping")
#: Of fresh scenes; neither training nor the model's card used it.
SEED = 5


class Asked(NamedTuple):
    """An image and what is asked about it.

    Attributes:
        image: uint8 RGB (H, W, 3).
        proposals: N masks of that size.
        phrases: T expressions as read.
        targets: bool (H, W) for each; none where no answer is right.
    """

    image: UInt8Array
    proposals: MaskProposals
    phrases: list[TargetPhrase]
    targets: list[BoolArray]


def shipped(source: str, split: str = "val") -> list[Asked]:
    """A split of the shipped scenes, with masks of one of ``SOURCES``."""
    dataset = load_dataset("scenes", split, None)
    return _asked((dataset.sample(image) for image in dataset.ids), source)


def fresh(count: int, source: str) -> list[Asked]:
    """So many scenes that nobody has seen before, the same ones each time."""
    return _asked(generate(count, SEED, sprites=Sprites()), source)


def golden(count: int) -> list[Asked]:
    """The golden images and masks, with the golden expressions and ``count`` more."""
    told = json.loads((cases.GOLDEN / "expressions.json").read_text())["expressions"]
    phrases = [TargetPhrase(e["raw"], e["text"], e["noun_phrase"], e["head_word"]) for e in told]
    phrases += PhraseParser()(cases.expressions(count))
    return [
        Asked(
            read_image(cases.GOLDEN / f"image{number}.png"),
            MaskProposals(np.load(cases.GOLDEN / f"masks{number}.npz")["masks"]),
            phrases,
            [],
        )
        for number in (0, 1)
    ]


def _asked(samples: Iterable[Sample], source: str) -> list[Asked]:
    parser, masks = PhraseParser(), _source(source)
    return [
        Asked(
            read_image(sample.image),
            masks.propose(sample),
            parser([query.expression for query in sample.queries]),
            [query.target for query in sample.queries],
        )
        for sample in samples
    ]


def _source(name: str) -> ProposalSource:
    return Instances(Refinement()) if name == INSTANCES else Proposed(load_proposer(name))
