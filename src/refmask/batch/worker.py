"""Shards answered and written: what every engine does, on one machine or on many."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import closing
from dataclasses import dataclass
from itertools import tee

from refmask.batch.output import ShardResult, write_shard
from refmask.batch.plan import Shard
from refmask.batch.stage import Stage
from refmask.errors import ConfigurationError
from refmask.evaluation.pipeline import in_order
from refmask.evaluation.sources import Proposed
from refmask.evaluation.system import SegmenterSystem
from refmask.fingerprint import Fingerprint
from refmask.segmenter import Segmenter
from refmask.types import TargetPhrase

#: Bytes that a worker takes: libraries, weights and what is made of them, each image at once.
#: Above what ``benchmarks/batch.py`` saw at most, of 480x640 pixels with masks by grouping.
LIBRARIES, PER_WEIGHT, PER_IMAGE = 1.1e9, 2, 0.25e9


@dataclass(frozen=True)
class WorkerSpec:
    """What every worker of a batch is told; it can be sent to other machines.

    Attributes:
        folder: where the rows go, path or URI.
        mark: the batch's configuration, by its hash.
        system: what answers depend on, as ``fingerprint_of`` tells it.
        phrases: what every image is asked, where each has no expressions of its own.
    """

    folder: str
    mark: str
    system: Fingerprint
    phrases: tuple[TargetPhrase, ...] | None

    def worker(self, segmenter: Segmenter, at_once: int = 1) -> Worker:
        """A worker with a segmenter of its own.

        Args:
            segmenter: answers.
            at_once: how many images, each on one core.

        Raises:
            ConfigurationError: when its answers would not be those that the batch is to hold.
        """
        check_alike(self.system, fingerprint_of(segmenter))
        return Worker(Stage(segmenter, self.phrases), self.folder, self.mark, at_once)


@dataclass(frozen=True)
class Worker:
    """Answers shards and writes them.

    Attributes:
        stage: answers an image.
        folder: where the rows go, path or URI.
        mark: the batch's configuration, by its hash.
        at_once: how many images, each on one core.
    """

    stage: Stage
    folder: str
    mark: str
    at_once: int = 1

    def __call__(self, shards: Iterable[Shard]) -> Generator[ShardResult, None, None]:
        """Work on shards in their order; images of the next begin before one is done.

        Raises:
            RefmaskError: for what is no image's fault, such as a full disk.
        """
        shards, ahead = tee(shards)
        asks = (ask for shard in ahead for ask in shard.asks)
        with closing(in_order(self.stage, asks, self.at_once)) as answered:
            for shard in shards:
                rows = [row for _ in shard.asks for row in next(answered)]
                yield write_shard(self.folder, self.mark, shard, rows)


def fingerprint_of(segmenter: Segmenter) -> Fingerprint:
    """All that a segmenter's answers depend on, as evaluations tell it.

    Raises:
        ConfigurationError: when the proposer cannot tell what its masks depend on.
    """
    return SegmenterSystem(segmenter, Proposed(segmenter.proposer)).configuration


def check_alike(ordered: Fingerprint, found: Fingerprint) -> None:
    """Raise ConfigurationError when a worker's configuration is not that of who started it."""
    differing = ordered.summary(found)
    if differing:
        raise ConfigurationError(
            f"a worker computes otherwise than what started it ({differing}); give all "
            "machines the same versions, weights and data, and say `precision`"
        )


def memory_of(segmenter: Segmenter, at_once: int = 1) -> int:
    """Bytes that a worker is expected to take at most, ``at_once`` images at a time."""
    weights = segmenter.method.encoder.weights
    size = 0 if weights is None else weights.stat().st_size
    return int(LIBRARIES + PER_WEIGHT * size + PER_IMAGE * at_once)
