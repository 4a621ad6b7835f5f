"""Run batches and evaluations on a Ray cluster."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import partial

from refmask.batch.cluster import Cluster, Work, spread
from refmask.batch.output import ShardResult
from refmask.batch.plan import Shard
from refmask.batch.worker import WorkerSpec, check_alike
from refmask.errors import ImageError
from refmask.evaluation.evaluate import Evaluation
from refmask.evaluation.pipeline import in_order
from refmask.evaluation.record import Record
from refmask.fingerprint import Fingerprint
from refmask.segmenter import Segmenter


@dataclass(frozen=True)
class OnRay:
    """The engine of many machines: actors, each with its own model.

    Attributes:
        build: makes a worker's segmenter.
        cluster: where to run.
    """

    build: Callable[[], Segmenter]
    cluster: Cluster

    def __call__(
        self, spec: WorkerSpec, shards: Iterable[Shard]
    ) -> Generator[ShardResult, None, None]:
        """Answer shards; results come as they finish."""
        build = partial(_shard_worker, self.build, spec, self.cluster.cores)
        items = (shard.encode() for shard in shards)
        with closing(spread(build, items, self.cluster)) as results:
            for content in results:
                yield ShardResult(**json.loads(content))


def _shard_worker(build: Callable[[], Segmenter], spec: WorkerSpec, at_once: int) -> Work:
    worker = spec.worker(build(), at_once)

    def work(item: bytes) -> bytes:
        [result] = worker([Shard.decode(item)])
        return json.dumps(asdict(result)).encode()

    return work


@dataclass(frozen=True)
class RecordsOnRay:
    """Answers an evaluation's images on other machines, for ``Evaluation.remote``.

    Attributes:
        build: makes a worker's evaluation.
        configuration: of the evaluation; each worker's must equal it.
        cluster: where to run.
    """

    build: Callable[[], Evaluation]
    configuration: Fingerprint
    cluster: Cluster

    def __call__(self, images: Sequence[str]) -> Generator[list[Record] | ImageError, None, None]:
        """The records of each image in their order, or the error."""
        build = partial(_record_worker, self.build, self.configuration)
        items = (image.encode() for image in images)
        with closing(spread(build, items, self.cluster, ordered=True)) as results:
            for content in results:
                records = json.loads(content)
                yield ImageError(records) if isinstance(records, str) else records


def _record_worker(build: Callable[[], Evaluation], configuration: Fingerprint) -> Work:
    evaluation = build()
    check_alike(configuration, evaluation.configuration)

    def work(item: bytes) -> bytes:
        with closing(in_order(evaluation.records, [item.decode()], 1)) as answered:
            [records] = answered
        return json.dumps(str(records) if isinstance(records, ImageError) else records).encode()

    return work
