"""The evaluation: every image looked at once for all its expressions."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from threading import Lock

from refmask.data import Dataset
from refmask.errors import ConfigurationError, ImageError, InputError, RefmaskWarning
from refmask.evaluation.pipeline import in_order, usual_workers
from refmask.evaluation.record import Record, outcomes
from refmask.evaluation.run import Run
from refmask.evaluation.sources import ProposalSource, Proposed
from refmask.evaluation.summary import Summary, count, summarise
from refmask.evaluation.system import SegmenterSystem, System
from refmask.fingerprint import Fingerprint, of_dataset
from refmask.metrics import Tally
from refmask.segmenter import Segmenter

#: Told how many images are done, and the sums over them.
Watch = Callable[[int, Tally], object]

#: Answers images by their ids, in this order, on other machines: see ``Evaluation.records``.
Elsewhere = Callable[[Sequence[str]], Generator[list[Record] | ImageError, None, None]]

#: What becomes of images that cannot be read.
MISSING = ("stop", "skip")


@dataclass(frozen=True)
class Evaluation:
    """A system to be asked every expression of a split.

    Attributes:
        dataset: the split.
        system: answers.
        first: ask only the first so many images; all when None.
        missing: "stop" at an image that cannot be read, or "skip" it and tell.
        workers: how many images at once, each on one core; ``usual_workers()`` when None. The
            records do not depend on it.
        elsewhere: answers them instead of this machine, where it is given.

    Raises:
        ConfigurationError: when a setting does not exist, or the data set asks nothing.
    """

    dataset: Dataset
    system: System
    first: int | None = None
    missing: str = "stop"
    workers: int | None = None
    elsewhere: Elsewhere | None = None

    #: Data sets may hold files open, and reading images changes warnings for all threads.
    _reading: Lock = field(default_factory=Lock, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        faults = []
        if self.first is not None and self.first < 1:
            faults.append(f"expected `first` of at least 1, got {self.first}")
        if self.missing not in MISSING:
            faults.append(f"expected missing as {' or '.join(MISSING)}, got {self.missing!r}")
        if self.workers is not None and self.workers < 1:
            faults.append(f"expected `workers` of at least 1, got {self.workers}")
        if not self.dataset.queries:
            faults.append(f"expected expressions in {self.dataset.name}, it has none")
        if faults:
            raise ConfigurationError("; ".join(faults))

    @property
    def images(self) -> tuple[str, ...]:
        """Ids of the images to be asked about, in order."""
        return self.dataset.ids[: self.first]

    @property
    def configuration(self) -> Fingerprint:
        """What the records depend on."""
        return of_dataset(self.dataset, self.first) | self.system.configuration

    def run(self, folder: Path, watch: Watch = lambda *_: None) -> Summary:
        """Answer what is not answered yet; write records, and the summary at the end.

        Args:
            folder: new, or of a run of the same configuration that was broken off.
            watch: told how many images are done and the sums so far, at first and after each.

        Returns:
            What ``summary.json`` holds.

        Raises:
            ConfigurationError: when the folder is another run's or cannot be written.
            ImageError: when an image cannot be read and none may be missing, or none can be read.
            InputError: when an image's annotations, an expression or a prediction cannot be used.
        """
        self._check_there()
        with Run(folder, self.configuration) as run:
            unread = self._answer(run, watch)
            rows = [row for image in self.images for row in run.rows.get(image, ())]
            self._tell(unread)
            if not unread and self.first is None:
                self.system.check_asked(row["query"] for row in rows)
            summary = summarise(
                outcomes(rows), self.configuration, self.system.compat, list(unread)
            )
            run.finish(self.images, summary)
        return summary

    def _answer(self, run: Run, watch: Watch) -> dict[str, str]:
        """Append what is not answered yet; why images are left out, by id."""
        unread: dict[str, str] = {}
        tally = self._tally(row for rows in run.rows.values() for row in rows)
        watch(len(run.rows), tally)
        began = time.perf_counter()
        asked = [image for image in self.images if image not in run.rows]
        with closing(self._begin(asked)) as found:
            for image, records in zip(asked, found, strict=True):
                if isinstance(records, ImageError):
                    unread[image] = str(records)
                elif records:
                    now = time.perf_counter()
                    run.append(records, now - began)
                    began = now
                    tally += self._tally(records)
                    watch(len(run.rows), tally)
        return unread

    def _begin(self, asked: Sequence[str]) -> Generator[list[Record] | ImageError, None, None]:
        if self.elsewhere is not None:
            return self.elsewhere(asked)
        return in_order(self.records, asked, self.workers or usual_workers())

    def _tally(self, records: Iterable[Record]) -> Tally:
        return Tally.of(count(outcomes(records), self.system.compat))

    def _check_there(self) -> None:
        """Tell of all missing files before the work begins, where none may be missing."""
        absent = self.dataset.missing_images() if self.missing == "stop" else []
        if absent and self.first is None:
            raise ImageError(
                f"{len(absent)} of {len(self.images)} images are missing, the first: "
                f"{absent[0]}; put them there, or go on without them by `missing=skip`"
            )

    def records(self, image: str) -> list[Record] | ImageError:
        """An image's records, none where nothing is asked; or why it is left out.

        Raises:
            ImageError: when it cannot be read and none may be missing.
            InputError: when its annotations, an expression or a prediction cannot be used.
        """
        try:
            with self._reading:
                sample = self.dataset.sample(image)
        except ImageError as error:
            if self.missing == "stop":
                raise ImageError(f"{error}; or go on without it by `missing=skip`") from None
            return error
        try:
            return self.system.answer(sample) if sample.queries else []
        except InputError as error:
            raise type(error)(f"image {sample.id}: {error}") from error

    def _tell(self, unread: Mapping[str, str]) -> None:
        """Warn of the images that were left out; raise when no other is left."""
        if unread:
            told = f"{len(unread)} of {len(self.images)} images cannot be read, the first: "
            told += next(iter(unread.values()))
            if len(unread) == len(self.images):
                raise ImageError(told)
            warnings.warn(f"{told}; they are left out", RefmaskWarning, stacklevel=3)


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
    """A segmenter's metrics on a split; the folder gets a record of every answer.

    Args:
        segmenter: from ``refmask.load``.
        dataset: from ``refmask.load_dataset``.
        folder: new, or of the same evaluation that was broken off, which is then resumed.
        proposals: where masks come from; the segmenter's own proposer when None.
        first: see :class:`Evaluation`.
        missing: see :class:`Evaluation`.
        workers: see :class:`Evaluation`.

    Returns:
        What ``summary.json`` holds: the metrics with intervals, and every rule they depend on.

    Raises:
        ConfigurationError: for a setting that does not exist, or when the folder cannot be used.
        ImageError: when an image cannot be read and none may be missing.
        InputError: when annotations or an expression cannot be used.
    """
    system = SegmenterSystem(segmenter, proposals or Proposed(segmenter.proposer))
    return Evaluation(dataset, system, first, missing, workers).run(Path(folder))
