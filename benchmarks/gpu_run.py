"""What the parts of ``gpu.py`` share: the setting, a guard around each work, and a clock."""

from __future__ import annotations

import signal
import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cases
import torch
from cases import Model

from refmask.clip import ClipBackbone, load_clip

EMBEDDED = "embedded"

Row = dict[str, Any]
#: What is measured, and how: gives what is to be told of it.
Work = tuple[str, Callable[[], Row]]


@dataclass(frozen=True)
class Setting:
    """Where and on what is measured.

    Attributes:
        device: the card; "cpu" for a rehearsal.
        folder: for weights.
        compared: models whose methods are compared with the processor, as the released code has
            them, too.
        large: models whose corrected methods are compared.
        timed: models that are timed, vision transformers.
        masks: of each image.
        small: with images and networks that a rehearsal can afford, and without a compiler.
    """

    device: torch.device
    folder: Path
    compared: tuple[Model, ...]
    large: tuple[Model, ...]
    timed: tuple[Model, ...]
    masks: int = 50
    small: bool = False

    def files(self, model: Model) -> tuple[str, str]:
        """A model's configuration and weights; written once."""
        stem = model.name.replace("/", "-")
        weights = self.folder / f"{stem}.safetensors"
        if not weights.exists():
            return cases.files(model, self.folder)
        return str(self.folder / f"{stem}.json"), str(weights)

    def write_weights(self) -> None:
        """Write all models' weights, at once."""
        models = {model.name: model for model in (*self.compared, *self.large, *self.timed)}
        models.pop(EMBEDDED, None)
        with ThreadPoolExecutor() as pool:
            list(pool.map(self.files, models.values()))

    def load(self, model: Model, device: torch.device | str, precision: str) -> ClipBackbone:
        """A model with the golden recipe's weights, or the embedded one with its own."""
        files = (EMBEDDED, None) if model.name == EMBEDDED else self.files(model)
        return load_clip(*files, device=str(device), precision=precision)

    def seconds(self, work: Callable[[], Any], runs: int = 5, warm: int = 2) -> float:
        """Median seconds of a work, until the card has done it; of one run in a rehearsal."""
        runs, warm = (1, 0) if self.small else (runs, warm)
        taken = []
        for run in range(warm + runs):
            self.wait()
            began = time.perf_counter()
            work()
            self.wait()
            if run >= warm:
                taken.append(time.perf_counter() - began)
        return statistics.median(taken)

    def peak(self, work: Callable[[], Any]) -> float:
        """Gigabytes that a work allocates on the card at most, weights included; 0 elsewhere."""
        if self.device.type != "cuda":
            return 0.0
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(self.device)
        work()
        self.wait()
        return torch.cuda.max_memory_allocated(self.device) / 1e9

    def wait(self) -> None:
        """Until the card has done what it was told."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)


def collect(works: Iterable[Work], until: float) -> Iterator[Row]:
    """The rows of some works; one that fails, or is not done in time, says so in its row.

    Args:
        works: each is prepared when its turn comes.
        until: by ``time.perf_counter``; what is not begun then is left out.

    Raises:
        Exception: of whatever prepares a work; TimeoutError when that is not done in time.
    """
    works = iter(works)
    while True:
        with _limited(until - time.perf_counter()):
            found = next(works, None)
        if found is None:
            return
        name, work = found
        began = time.perf_counter()
        try:
            with _limited(until - began):
                row = work()
        except Exception as error:  # whatever it is, the others go on
            row = {"error": f"{type(error).__name__}: {error}"[:500]}
        yield {"work": name, **row, "took": round(time.perf_counter() - began, 2)}


@contextmanager
def _limited(seconds: float) -> Iterator[None]:
    """Raise TimeoutError when what is within takes longer, once Python has its turn again."""

    def late(*_: Any) -> None:
        raise TimeoutError("no time left")

    if seconds <= 0:
        late()

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
