"""A small data set and a system without a network, whose answers are known."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from refmask.compat import Compat
from refmask.errors import ImageError
from refmask.evaluation import summary
from refmask.evaluation.evaluate import Evaluation
from refmask.evaluation.record import query_record
from refmask.metrics import ImageOverlaps
from refmask.types import MaskProposals, Query, Sample

KINDS = ("place", "colour", None)


@dataclass
class Squares:
    """Five images of 12 x 16 pixels with two to four expressions about two things."""

    name: str = "squares"
    split: str = "val"
    ids: tuple = ("7", "3", "11", "5", "2")
    queries: int = 14
    categories: dict = field(default_factory=lambda: {1: "left", 2: "right"})
    fingerprint: str = "f" * 64
    absent: set = field(default_factory=set)

    def sample(self, image):
        if image in self.absent:
            raise ImageError(f"expected an image at {image}.png, but it does not exist")
        masks = np.zeros((2, 12, 16), np.bool_)
        masks[0, 2:10, 1:7] = masks[1, 3:9, 8 : 10 + int(image) % 5] = True
        instances = MaskProposals(masks, details={"category": np.array([1, 2])})
        queries = tuple(
            Query(
                f"{image}{number}",
                f"thing {'very ' * number}number {number}",
                masks[number % 2],
                KINDS[number % 3],
                number % 2,
            )
            for number in range(2 + self.ids.index(image) % 3)
        )
        pixels = np.full((12, 16, 3), 10 * int(image), np.uint8)
        return Sample(image, pixels, queries, instances)

    def missing_images(self):
        return [Path(f"{name}.png") for name in self.ids if name in self.absent]


@dataclass
class Guessing:
    """Takes the thing whose number the query's id says, cut by a column."""

    shift: int = 1
    compat: Compat = field(default_factory=Compat)
    silent: tuple = ()

    @property
    def configuration(self):
        return {"system": "guessing", "shift": self.shift}

    def answer(self, sample):
        masks = sample.instances.masks.copy()
        masks[:, :, : self.shift + 1] = False
        proposals = MaskProposals(masks[: 0 if sample.id in self.silent else 2])
        overlaps = ImageOverlaps(proposals, sample.instances)
        records = []
        for number, query in enumerate(sample.queries):
            chosen = (int(query.id) + self.shift) % 3 % 2 if len(proposals) else None
            mask = np.zeros((12, 16), np.bool_) if chosen is None else masks[chosen]
            told = {"noun_phrase": "thing", "head": "thing", "chosen": chosen, "scores": [0.5, 0.1]}
            row = overlaps.row(query.target, chosen, query.instance)
            told |= {"confidence": 0.6, "margin": 0.4}
            records.append(query_record(sample, number, told, row, mask))
        return records

    def check_asked(self, queries):
        self.asked = list(queries)


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    """Few resamples, and no asking git after each of many runs."""
    monkeypatch.setattr(summary, "RESAMPLES", 20)
    monkeypatch.setattr(summary, "commit", lambda: "0" * 40)


@pytest.fixture
def squares():
    return Squares()


@pytest.fixture
def guessing():
    return Guessing


@pytest.fixture
def evaluated(tmp_path):
    """Runs an evaluation into a folder by name; gives the folder."""

    def run(name, dataset, system, **settings):
        Evaluation(dataset, system, **settings).run(tmp_path / name)
        return tmp_path / name

    return run
