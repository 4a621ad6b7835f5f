"""A data set of RefCOCO's shape evaluated: once per image, against once per referred object."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import freesolo_plain
import numpy as np
import operations
import refcoco_shaped
from cases import Pair
from freesolo import recipe_weights
from harness import alternate
from rows import Rates, Target, row
from speed_image import needed

from refmask.data import Dataset, load_dataset
from refmask.evaluation.evaluate import Evaluation
from refmask.evaluation.sources import MaskFiles, ProposalSource, Proposed
from refmask.evaluation.system import SegmenterSystem
from refmask.proposals import load_proposer
from refmask.proposals.refine import Refinement
from refmask.types import BoolArray, Sample
from refmask.weights.reading import read_weights

#: Of each run, of ours: one before the clock starts, and an even number, which has 2.5 objects and
#: 7 expressions per image. Of plain, whose images do not overlap.
IMAGES, IMAGES_OF_PLAIN = 9, 2
GIVEN, FREESOLO = Target(ratio=14.0), Target(ratio=8.0)


class Case(NamedTuple):
    """What one run evaluates.

    Attributes:
        dataset: its images and expressions are no other run's: features of texts are kept.
        source: of masks, for ours.
        masks: of an image, for plain: made anew whenever asked for.
    """

    dataset: Dataset
    source: ProposalSource
    masks: Callable[[Sample], BoolArray]


def given(pair: Pair, runs: int, rates: Rates, folder: Path) -> dict[str, Any]:
    """Masks are there, in files."""

    def case(drawn: refcoco_shaped.Shaped) -> Case:
        dataset = load_dataset(str(drawn.dataset), "val")
        source = MaskFiles(drawn.proposals, dataset.ids, Refinement())
        return Case(dataset, source, lambda sample: source.propose(sample).masks)

    cases = [case(drawn) for drawn in drawings(folder, runs)]
    return compare("masks given", pair, rates, cases, folder, GIVEN)


def freesolo(pair: Pair, runs: int, rates: Rates, folder: Path) -> dict[str, Any]:
    """FreeSOLO makes the masks, on both sides."""
    weights = folder / "freesolo.pth"
    recipe_weights(weights)
    state = read_weights(weights)
    source = Proposed(load_proposer("freesolo", settings={"weights": str(weights)}))

    def masks(sample: Sample) -> BoolArray:
        return freesolo_plain.propose(state, sample.image)[0]

    cases = [
        Case(load_dataset(str(drawn.dataset), "val"), source, masks)
        for drawn in drawings(folder, runs)
    ]
    return compare("FreeSOLO", pair, rates, cases, folder, FREESOLO)


def drawings(folder: Path, runs: int) -> list[refcoco_shaped.Shaped]:
    """A data set per run, after one of a single image to warm up."""
    return [
        refcoco_shaped.make(folder / f"{run}", IMAGES if run else 1, seed=run)
        for run in range(runs + 1)
    ]


def compare(
    name: str, pair: Pair, rates: Rates, cases: list[Case], folder: Path, target: Target
) -> dict[str, Any]:
    """A row in seconds per image.

    Args:
        name: of where masks come from.
        pair: the model on both sides.
        rates: of the machine.
        cases: one per run, the first to warm up.
        folder: for the runs' records.
        target: what is asked.
    """

    works: dict[str, Callable[[int], Any]] = {
        "plain": lambda run: evaluate_plainly(pair, cases[run]),
        "ours": lambda run: evaluate(pair, cases[run], folder / f"run{run}"),
    }
    taken = alternate(works, len(cases) - 1)
    sample, proposed = cases[0].dataset.sample(cases[0].dataset.ids[0]), []
    proposing = operations.counted(lambda: proposed.append(cases[0].masks(sample)))
    asked = needed(pair, proposed[0], [query.expression for query in sample.queries])
    return row(
        f"evaluation, {name}, per image of 2.5 objects and 7 expressions, {pair.model.name}",
        taken["ours"],
        [seconds / IMAGES_OF_PLAIN for seconds in taken["plain"]],
        target=target,
        operations=proposing + asked,
        rate=rates.of(pair.segmenter.method.encoder.precision),
        masks=len(proposed[0]),
        mask_share=float(proposed[0].mean()),
    )


def evaluate(pair: Pair, case: Case, folder: Path) -> float:
    """Seconds per image of ``refmask evaluate``, all but the first: the others overlap."""
    done: list[float] = []
    system = SegmenterSystem(pair.segmenter, case.source)
    Evaluation(case.dataset, system).run(folder, lambda *_: done.append(time.perf_counter()))
    # Told before the first image, and after each.
    return (done[-1] - done[1]) / (IMAGES - 1)


def evaluate_plainly(pair: Pair, case: Case) -> tuple[float, float]:
    """Overall and mean IoU; for every object all begins anew, with the image's file."""
    shared, union, ious = 0, 0, []
    for image in case.dataset.ids[:IMAGES_OF_PLAIN]:
        objects = groupby(case.dataset.sample(image).queries, lambda query: query.instance)
        for queries in [list(of_one) for _, of_one in objects]:
            sample = case.dataset.sample(image)
            masks = case.masks(sample)
            phrases = [pair.segmenter.parser([query.expression])[0] for query in queries]
            best = pair.plain.scores(sample.image, masks, phrases).argmax(axis=1)
            for query, number in zip(queries, best, strict=True):
                shared += (both := int((masks[number] & query.target).sum()))
                union += (either := int((masks[number] | query.target).sum()))
                ious.append(both / either)
    return shared / union, float(np.mean(ious))
