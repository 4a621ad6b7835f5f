"""Run a batch from plan to summary, on any engine."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from refmask.batch.output import Output, ShardResult
from refmask.batch.plan import ROWS, Plan, Shard
from refmask.batch.storage import absolute
from refmask.batch.worker import WorkerSpec
from refmask.errors import ConfigurationError
from refmask.evaluation.pipeline import default_workers
from refmask.fingerprint import Fingerprint, commit
from refmask.segmenter import Segmenter

#: Answers shards and yields each result once it is written; closing the generator stops the work.
Engine = Callable[[WorkerSpec, Iterable[Shard]], Generator[ShardResult, None, None]]
#: Called with each finished shard, and whether this run did it (else an earlier one).
Progress = Callable[[ShardResult, bool], object]


@dataclass(frozen=True)
class Local:
    """The engine of one machine: threads that share a model.

    Attributes:
        segmenter: the system that answers.
        workers: images processed at once, each on one core; ``default_workers()`` when None.

    Raises:
        ConfigurationError: when ``workers`` is less than 1.
    """

    segmenter: Segmenter
    workers: int | None = None

    def __post_init__(self) -> None:
        if self.workers is not None and self.workers < 1:
            raise ConfigurationError(f"`workers` must be at least 1, not {self.workers}")

    def __call__(
        self, spec: WorkerSpec, shards: Iterable[Shard]
    ) -> Generator[ShardResult, None, None]:
        """Answer shards in their order."""
        yield from spec.worker(self.segmenter, self.workers or default_workers())(shards)


@dataclass(frozen=True, eq=False)
class Batch:
    """A plan and the folder that its rows are written to.

    Attributes:
        plan: images and expressions.
        system: what answers depend on, see ``worker.fingerprint_of``.
        folder: output folder, path or URI.
        rows: most rows in a shard, unless a single image has more.
        retry: do shards with failed rows again.

    Raises:
        ConfigurationError: when ``rows`` is less than 1.
    """

    plan: Plan
    system: Fingerprint
    folder: str
    rows: int = ROWS
    retry: bool = False

    def __post_init__(self) -> None:
        if self.rows < 1:
            raise ConfigurationError(f"`shard_rows` must be at least 1, not {self.rows}")

    @cached_property
    def configuration(self) -> Fingerprint:
        """What the rows and their files depend on."""
        settings = {
            "input": self.plan.fingerprint(),
            "images": self.plan.images,
            "rows": self.plan.rows,
            "shard_rows": self.rows,
        }
        return Fingerprint(settings) | self.system

    def run(self, engine: Engine, progress: Progress = lambda *_: None) -> dict[str, Any]:
        """Answer the shards that are missing, then write the summary.

        Args:
            engine: such as ``Local``.
            progress: called with each shard, first with those of earlier runs.

        Returns:
            The content of ``_summary.json``.

        Raises:
            ConfigurationError: when the folder holds another batch or cannot be written, or a
                worker's configuration differs.
            RefmaskError: when the cluster fails.
        """
        with Output(absolute(self.folder), self.configuration) as output:
            done = output.done()
            if self.retry:
                done = {number: result for number, result in done.items() if not result.errors}
            for result in done.values():
                progress(result, False)
            spec = WorkerSpec(
                output.folder, self.configuration.sha256, self.system, self.plan.phrases
            )
            missing = (shard for shard in self.plan.shards(self.rows) if shard.number not in done)
            with closing(engine(spec, missing)) as finished:
                for result in finished:
                    done[result.number] = result
                    progress(result, True)
            summary = self._summary(done)
            output.finish(summary)
        return summary

    def _summary(self, done: Mapping[int, ShardResult]) -> dict[str, Any]:
        results = [done[number] for number in sorted(done)]
        return {
            "images": self.plan.images,
            "rows": sum(result.rows for result in results),
            "shards": len(results),
            "errors": sum(result.errors for result in results),
            "first_error": next((result.first_error for result in results if result.errors), None),
            "commit": commit(),
            "configuration": dict(self.configuration),
        }
