"""Answer images and write shards: the work of every engine, on one machine or many."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import tee

from refmask.answer import Segmentation
from refmask.batch.output import ShardResult, write_shard
from refmask.batch.plan import Query, Shard
from refmask.batch.rows import Row, answer_row, failed_row
from refmask.batch.storage import read
from refmask.errors import ConfigurationError, ExpressionError, InputError, RefmaskError
from refmask.evaluation.pipeline import in_order
from refmask.evaluation.sources import Proposed
from refmask.evaluation.system import SegmenterSystem
from refmask.fingerprint import Fingerprint
from refmask.ops.images import decode_image
from refmask.scene import Scene
from refmask.segmenter import Segmenter
from refmask.types import TargetPhrase

#: Estimated bytes of a worker: libraries, per byte of weights, per image at once. Above the peaks
#: that ``benchmarks/batch.py`` measured, at 480x640 pixels with masks by grouping.
LIBRARIES, PER_WEIGHT, PER_IMAGE = 1.1e9, 2, 0.25e9
#: Most common phrases whose features come from the model's cache: up to here all stay in it, so
#: results do not depend on which image comes first.
CACHED = 4000


@dataclass(frozen=True)
class Stage:
    """Answers all expressions about one image; threads may share it.

    Attributes:
        segmenter: the system that answers.
        phrases: for every image; None where each image has its own expressions.
    """

    segmenter: Segmenter
    phrases: tuple[TargetPhrase, ...] | None = None

    def __call__(self, query: Query) -> list[Row]:
        """The rows of an image, one per expression, with an error where there is no answer.

        Raises:
            RefmaskError: for faults of neither image nor expression, such as a cache that cannot
                be written.
        """
        try:
            return self._answer(query)
        except RefmaskError:
            raise
        except Exception as error:  # one strange image must not end the work on a million
            fault = " ".join(f"unexpected {type(error).__name__}: {error}".split())
            return self._failed(query, None, fault)

    def _answer(self, query: Query) -> list[Row]:
        sha256 = None
        try:
            content = read(query.image)
            sha256 = hashlib.sha256(content).hexdigest()
            scene = self.segmenter.look(decode_image(content, query.image))
        except InputError as error:
            return self._failed(query, sha256, str(error))
        if query.expressions is None:
            parsed: list[TargetPhrase | str] = list(self.phrases or ())
        else:
            parsed = self._parse(list(query.expressions))
        return [
            failed_row(query.image, sha256, number, expression, answer)
            if isinstance(answer, str)
            else answer_row(query.image, sha256, number, answer)
            for number, (expression, answer) in enumerate(
                zip(self._expressions(query), self._find(scene, parsed), strict=True)
            )
        ]

    def _expressions(self, query: Query) -> Sequence[str]:
        if query.expressions is not None:
            return query.expressions
        return [phrase.expression for phrase in self.phrases or ()]

    def _failed(self, query: Query, sha256: str | None, error: str) -> list[Row]:
        return [
            failed_row(query.image, sha256, number, expression, error)
            for number, expression in enumerate(self._expressions(query))
        ]

    def _parse(self, expressions: list[str]) -> list[TargetPhrase | str]:
        """A phrase for each expression, or the error. One by one when one of them is faulty."""
        try:
            return list(self.segmenter.parser(expressions))
        except ExpressionError as error:
            if len(expressions) == 1:
                return [str(error)]
            return [phrase for expression in expressions for phrase in self._parse([expression])]

    def _find(self, scene: Scene, parsed: list[TargetPhrase | str]) -> list[Segmentation | str]:
        """An answer for each phrase; errors of parsing pass through."""
        phrases = [phrase for phrase in parsed if isinstance(phrase, TargetPhrase)]
        cached = self.phrases is not None and len(self.phrases) <= CACHED
        answers = iter(_find(scene, phrases, cached))
        return [phrase if isinstance(phrase, str) else next(answers) for phrase in parsed]


def _find(scene: Scene, phrases: list[TargetPhrase], cached: bool) -> list[Segmentation | str]:
    """An answer for each phrase, or the error. One by one when one is too long for the model.

    Only common phrases use the text cache: features differ by rounding with the texts encoded
    beside them, and a row must not depend on earlier images.
    """
    try:
        return list(scene.find_phrases(phrases, afresh=not cached))
    except ExpressionError as error:
        if len(phrases) == 1:
            return [str(error)]
        return [answer for phrase in phrases for answer in _find(scene, [phrase], cached)]


@dataclass(frozen=True)
class WorkerSpec:
    """What makes a batch's workers equal; it can be sent to other machines.

    Attributes:
        folder: output folder, path or URI.
        sha256: of the batch's configuration.
        system: what answers depend on, as ``fingerprint_of`` gives it.
        phrases: for every image; None where each image has its own expressions.
    """

    folder: str
    sha256: str
    system: Fingerprint
    phrases: tuple[TargetPhrase, ...] | None

    def worker(self, segmenter: Segmenter, at_once: int = 1) -> Worker:
        """A worker around a segmenter.

        Args:
            segmenter: the system that answers.
            at_once: images processed at once, each on one core.

        Raises:
            ConfigurationError: when its answers would differ from the batch's.
        """
        check_alike(self.system, fingerprint_of(segmenter))
        return Worker(Stage(segmenter, self.phrases), self.folder, self.sha256, at_once)


@dataclass(frozen=True)
class Worker:
    """Answers shards and writes them.

    Attributes:
        stage: answers an image.
        folder: output folder, path or URI.
        sha256: of the batch's configuration.
        at_once: images processed at once, each on one core.
    """

    stage: Stage
    folder: str
    sha256: str
    at_once: int = 1

    def __call__(self, shards: Iterable[Shard]) -> Generator[ShardResult, None, None]:
        """Work on shards in their order; images of the next begin before one is done.

        Raises:
            RefmaskError: for faults of no image, such as a full disk.
        """
        shards, ahead = tee(shards)
        queries = (query for shard in ahead for query in shard.queries)
        with closing(in_order(self.stage, queries, self.at_once)) as answered:
            for shard in shards:
                rows = [row for _ in shard.queries for row in next(answered)]
                yield write_shard(self.folder, self.sha256, shard, rows)


def fingerprint_of(segmenter: Segmenter) -> Fingerprint:
    """What a segmenter's answers depend on, as in evaluations.

    Raises:
        ConfigurationError: when the proposer cannot say what its masks depend on.
    """
    return SegmenterSystem(segmenter, Proposed(segmenter.proposer)).configuration


def check_alike(expected: Fingerprint, actual: Fingerprint) -> None:
    """Raise ConfigurationError when a worker's configuration is not the starting process's."""
    differing = expected.summary(actual)
    if differing:
        raise ConfigurationError(
            f"a worker's results would differ from the starting process's ({differing}); install "
            "the same versions, weights and data on all machines, and set `precision`"
        )


def memory_of(segmenter: Segmenter, at_once: int = 1) -> int:
    """Estimated peak memory of a worker in bytes, with ``at_once`` images at a time."""
    weights = segmenter.method.encoder.weights
    size = 0 if weights is None else weights.stat().st_size
    return int(LIBRARIES + PER_WEIGHT * size + PER_IMAGE * at_once)
