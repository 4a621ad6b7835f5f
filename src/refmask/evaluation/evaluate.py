"""The evaluation loop: encode each image once and answer all its expressions."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from threading import Lock

from refmask.data import Dataset
from refmask.errors import ConfigurationError, ImageError, InputError, RefmaskWarning
from refmask.evaluation.pipeline import default_workers, in_order
from refmask.evaluation.record import Record
from refmask.evaluation.run import Run
from refmask.evaluation.sources import ProposalSource, Proposed
from refmask.evaluation.summary import Summary, counted, summarise
from refmask.evaluation.system import SegmenterSystem, System
from refmask.fingerprint import Fingerprint, of_dataset
from refmask.metrics import QueryResults, Tally
from refmask.segmenter import Segmenter

#: Called with the number of images done and the sums over their queries.
Progress = Callable[[int, Tally], object]

#: Computes the records of images, by id and in order, elsewhere: see ``Evaluation.records``.
RemoteRecords = Callable[[Sequence[str]], Generator[list[Record] | ImageError, None, None]]

#: What to do about images that cannot be read.
MISSING = ("stop", "skip")


@dataclass(frozen=True)
class Evaluation:
    """A system and the split it is evaluated on.

    Attributes:
        dataset: the split.
        system: answers the queries.
        first: use only the first so many images; all when None.
        missing: "stop" at an image that cannot be read, or "skip" it with a warning.
        workers: images at once, each on one core; ``default_workers()`` when None. The records
            do not depend on it.
        remote: computes the records on other machines; this one does when None.

    Raises:
        ConfigurationError: when a setting is out of range, or the data set has no expressions.
    """

    dataset: Dataset
    system: System
    first: int | None = None
    missing: str = "stop"
    workers: int | None = None
    remote: RemoteRecords | None = None

    #: Data sets may hold files open, and reading images changes warnings for all threads.
    _read_lock: Lock = field(default_factory=Lock, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        faults = []
        if self.first is not None and self.first < 1:
            faults.append(f"`first` is {self.first}; give 1 or more")
        if self.workers is not None and self.workers < 1:
            faults.append(f"`workers` is {self.workers}; give 1 or more")
        if self.missing not in MISSING:
            faults.append(f"`missing` is {self.missing!r}; choose {' or '.join(MISSING)}")
        if not self.dataset.queries:
            faults.append(f"{self.dataset.name} has no expressions; choose another data set")
        if faults:
            raise ConfigurationError("; ".join(faults))

    @property
    def images(self) -> tuple[str, ...]:
        """Ids of the images to evaluate, in order."""
        return self.dataset.ids[: self.first]

    @property
    def configuration(self) -> Fingerprint:
        """What the records depend on."""
        return of_dataset(self.dataset, self.first) | self.system.configuration

    def run(self, folder: Path, progress: Progress = lambda *_: None) -> Summary:
        """Answer the queries that have no record yet; write records, and the summary at the end.

        Args:
            folder: new, or of an interrupted run with the same configuration.
            progress: called at the start and after each image.

        Returns:
            The content of ``summary.json``.

        Raises:
            ConfigurationError: when the folder holds another run or cannot be written.
            ImageError: when an image cannot be read and ``missing`` is "stop", or none can be.
            InputError: when an image's annotations, an expression or a prediction cannot be used.
        """
        absent = self.dataset.missing_images() if self.missing == "stop" else []
        if absent and self.first is None:
            raise ImageError(
                f"{len(absent)} of {len(self.images)} images are missing, the first: "
                f"{absent[0]}; put them there, or go on without them by `missing=skip`"
            )
        with Run(folder, self.configuration) as run:
            unread = self._answer(run, progress)
            rows = [row for image in self.images for row in run.rows.get(image, ())]
            self._warn_unread(unread)
            if not unread and self.first is None:
                self.system.check_asked(row["query"] for row in rows)
            summary = summarise(
                QueryResults.of(rows), self.configuration, self.system.compat, list(unread)
            )
            run.finish(self.images, summary)
        return summary

    def _answer(self, run: Run, progress: Progress) -> dict[str, str]:
        """Append the missing records; returns why images are left out, by id."""
        unread: dict[str, str] = {}
        tally = self._tally([row for rows in run.rows.values() for row in rows])
        progress(len(run.rows), tally)
        start = time.perf_counter()
        pending = [image for image in self.images if image not in run.rows]
        if self.remote is not None:
            answered = self.remote(pending)
        else:
            answered = in_order(self.records, pending, self.workers or default_workers())
        with closing(answered):
            for image, records in zip(pending, answered, strict=True):
                if isinstance(records, ImageError):
                    unread[image] = str(records)
                elif records:
                    now = time.perf_counter()
                    run.append(records, now - start)
                    start = now
                    tally += self._tally(records)
                    progress(len(run.rows), tally)
        return unread

    def _tally(self, records: Sequence[Record]) -> Tally:
        return Tally.of(counted(QueryResults.of(records), self.system.compat))

    def records(self, image: str) -> list[Record] | ImageError:
        """The records of an image, none where it has no queries; or why it is left out.

        Raises:
            ImageError: when it cannot be read and ``missing`` is "stop".
            InputError: when its annotations, an expression or a prediction cannot be used.
        """
        try:
            with self._read_lock:
                sample = self.dataset.sample(image)
        except ImageError as error:
            if self.missing == "stop":
                raise ImageError(f"{error}; or go on without it by `missing=skip`") from None
            return error
        try:
            return self.system.answer(sample) if sample.queries else []
        except InputError as error:
            raise type(error)(f"image {sample.id}: {error}") from error

    def _warn_unread(self, unread: Mapping[str, str]) -> None:
        """Warn about images that were left out; raise ImageError when none was read."""
        if unread:
            message = f"{len(unread)} of {len(self.images)} images cannot be read, the first: "
            message += next(iter(unread.values()))
            if len(unread) == len(self.images):
                raise ImageError(message)
            warnings.warn(f"{message}; they are left out", RefmaskWarning, stacklevel=3)


def evaluate(
    segmenter: Segmenter,
    dataset: Dataset,
    folder: str | PathLike[str],
    *,
    proposals: ProposalSource | None = None,
    first: int | None = None,
    missing: str = "stop",
    workers: int | None = None,
) -> Summary:
    """Compute a segmenter's metrics on a split, and write a record of every answer.

    Args:
        segmenter: from ``refmask.load``.
        dataset: from ``refmask.load_dataset``.
        folder: new, or of the same evaluation interrupted, which is then resumed.
        proposals: where masks come from; the segmenter's own proposer when None.
        first: see :class:`Evaluation`.
        missing: see :class:`Evaluation`.
        workers: see :class:`Evaluation`.

    Returns:
        The content of ``summary.json``: metrics with intervals, and every rule they depend on.

    Raises:
        ConfigurationError: for a setting out of range, or when the folder cannot be used.
        ImageError: when an image cannot be read and ``missing`` is "stop", or none can be.
        InputError: when annotations or an expression cannot be used.
    """
    system = SegmenterSystem(segmenter, proposals or Proposed(segmenter.proposer))
    return Evaluation(dataset, system, first, missing, workers).run(Path(folder))
