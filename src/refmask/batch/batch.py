"""A batch from plan to summary, on any engine."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from refmask.batch.output import Output, ShardResult
from refmask.batch.places import absolute
from refmask.batch.plan import ROWS, Plan, Shard
from refmask.batch.worker import WorkerSpec
from refmask.errors import ConfigurationError
from refmask.evaluation.pipeline import default_workers
from refmask.fingerprint import Fingerprint, commit
from refmask.segmenter import Segmenter

#: Does shards as ordered, and tells of each when it is done; closing it stops the work.
Engine = Callable[[WorkerSpec, Iterable[Shard]], Generator[ShardResult, None, None]]
#: Told of each shard that is done, and whether it is done now or was there before.
Watch = Callable[[ShardResult, bool], object]


@dataclass(frozen=True)
class Local:
    """The engine of one machine: threads that share a model.

    Attributes:
        segmenter: answers.
        workers: how many images at once, each on one core; ``default_workers()`` when None.
    """

    segmenter: Segmenter
    workers: int | None = None

    def __post_init__(self) -> None:
        if self.workers is not None and self.workers < 1:
            raise ConfigurationError(f"expected `workers` of at least 1, got {self.workers}")

    def __call__(
        self, order: WorkerSpec, shards: Iterable[Shard]
    ) -> Generator[ShardResult, None, None]:
        """Do shards in their order."""
        yield from order.worker(self.segmenter, self.workers or default_workers())(shards)


@dataclass(frozen=True, eq=False)
class Batch:
    """A plan to be answered into a folder.

    Attributes:
        plan: what is asked.
        system: what answers depend on, see ``worker.fingerprint_of``.
        folder: where the rows go, path or URI.
        rows: at most so many in a shard, unless one image has more.
        retry: do shards with failed rows again.

    Raises:
        ConfigurationError: when there is less than one row in a shard.
    """

    plan: Plan
    system: Fingerprint
    folder: str
    rows: int = ROWS
    retry: bool = False

    def __post_init__(self) -> None:
        if self.rows < 1:
            raise ConfigurationError(f"expected `shard_rows` of at least 1, got {self.rows}")

    @cached_property
    def configuration(self) -> Fingerprint:
        """What the rows, and the files that they are in, depend on."""
        own = {
            "input": self.plan.fingerprint(),
            "images": self.plan.images,
            "rows": self.plan.rows,
            "shard_rows": self.rows,
        }
        return Fingerprint(own) | self.system

    def run(self, engine: Engine, watch: Watch = lambda *_: None) -> dict[str, Any]:
        """Do the shards that are not done yet; write the summary at the end.

        Args:
            engine: such as ``Local``.
            watch: told of each shard, first of those that were there before.

        Returns:
            What ``_summary.json`` holds.

        Raises:
            ConfigurationError: when the folder is another batch's or cannot be written, or a
                worker computes otherwise.
            RefmaskError: when the cluster fails.
        """
        with Output(absolute(self.folder), self.configuration) as output:
            done = output.done()
            if self.retry:
                done = {number: one for number, one in done.items() if not one.errors}
            for one in done.values():
                watch(one, False)
            order = WorkerSpec(
                output.folder, self.configuration.sha256, self.system, self.plan.phrases
            )
            left = (shard for shard in self.plan.shards(self.rows) if shard.number not in done)
            with closing(engine(order, left)) as finished:
                for one in finished:
                    done[one.number] = one
                    watch(one, True)
            summary = self._summary(done)
            output.finish(summary)
        return summary

    def _summary(self, done: Mapping[int, ShardResult]) -> dict[str, Any]:
        ordered = [done[number] for number in sorted(done)]
        return {
            "images": self.plan.images,
            "rows": sum(one.rows for one in ordered),
            "shards": len(ordered),
            "errors": sum(one.errors for one in ordered),
            "first_error": next((one.first_error for one in ordered if one.errors), None),
            "commit": commit(),
            "configuration": dict(self.configuration),
        }
