"""Items of work spread over a Ray cluster: the only file that imports Ray.

Ray Data holds a pool of actors, hands each the next item, starts those that died anew and gives
them their item again, as often as it takes. It knows nothing of images: an item and a result are
bytes.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pyarrow

from refmask import errors
from refmask.errors import ConfigurationError, MissingResource, RefmaskError, RefmaskWarning

try:
    import ray
    import ray.data
except ModuleNotFoundError:
    raise MissingResource(
        "a cluster needs Ray Data, which is not installed on this machine; "
        'pip install "refmask[ray]"'
    ) from None

#: Turns an item into its result, in a worker.
Work = Callable[[bytes], bytes]


@dataclass(frozen=True)
class Cluster:
    """Where workers run, and what each of them takes.

    Attributes:
        address: of a cluster, as ``ray.init`` takes it ("auto" finds the one that this machine is
            part of); None starts one on this machine for as long as the work takes.
        cores: of a worker.
        gpus: of a worker; a share such as 0.5 lets workers share one.
        memory: bytes that a worker keeps to itself: a machine holds no more of them than fit.

    Raises:
        ConfigurationError: for less than one core, or a negative number of others.
    """

    address: str | None = None
    cores: int = 1
    gpus: float = 0.0
    memory: int = 0

    def __post_init__(self) -> None:
        if self.cores < 1 or self.gpus < 0 or self.memory < 0:
            raise ConfigurationError(
                "expected a worker to take at least one core, and no negative share of a GPU or "
                f"of memory, got {self.cores}, {self.gpus} and {self.memory}"
            )

    def fits(self, machine: dict[str, float]) -> int:
        """How many workers a machine holds, by Ray's names of what it has."""
        wanted = {"CPU": self.cores, "GPU": self.gpus, "memory": self.memory}
        return int(min(machine.get(name, 0) // size for name, size in wanted.items() if size))


class _Actor:
    """A worker: what it needs is built once, then it does one item after the other."""

    def __init__(self, build: Callable[[], Work]) -> None:
        self.work: Work | None = None
        self.fault: RefmaskError | None = None
        try:
            self.work = build()
        except RefmaskError as error:  # raised here, it would be tried for ever
            self.fault = error

    def __call__(self, batch: pyarrow.Table) -> pyarrow.Table:
        result, fault = b"", self.fault
        if self.work is not None:
            try:
                result = self.work(batch["item"][0].as_py())
            except RefmaskError as error:
                fault = error
        kind, text = ("", "") if fault is None else (type(fault).__name__, str(fault))
        return pyarrow.table(
            {"result": pyarrow.array([result], pyarrow.binary()), "kind": [kind], "text": [text]}
        )


def spread(
    build: Callable[[], Work], items: Iterable[bytes], cluster: Cluster, *, ordered: bool = False
) -> Generator[bytes, None, None]:
    """Work on items on a cluster's machines.

    Args:
        build: makes what works, once in each worker; it is sent there by reference, so refmask is
            installed on all machines, in the same version.
        items: all of them are held in memory.
        cluster: where.
        ordered: give results in the order of the items, else as they come.

    Yields:
        The result of each item. Close the generator to stop.

    Raises:
        RefmaskError: what ``build`` or the work raised of this kind, or when the cluster fails.
    """
    items = list(items)
    if not items:
        return
    with _connected(cluster.address):
        results = _results(build, items, cluster, ordered)
        try:
            for batch in results.iter_batches(batch_size=None, batch_format="pyarrow"):
                for row in batch.to_pylist():
                    if row["kind"]:
                        raise vars(errors).get(row["kind"], RefmaskError)(row["text"])
                    yield row["result"]
        except ray.exceptions.RayTaskError:
            raise
        except ray.exceptions.RayError as error:
            said = str(error).strip().partition("\n")[0]
            raise RefmaskError(
                f"the cluster lost work ({said}); what is written stays, so give the same command "
                "again to go on"
            ) from None


def _results(build: Callable[[], Work], items: list[bytes], cluster: Cluster, ordered: bool) -> Any:
    """A Ray dataset of the results; it is computed while it is read."""
    nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    room = sum(cluster.fits(node["Resources"]) for node in nodes if node["Alive"])
    if not room:
        warnings.warn(
            f"no machine of the cluster has {cluster.cores} cores, {cluster.gpus:g} GPUs and "
            f"{cluster.memory / 1e9:.1f} GB for a worker; waiting for one that has",
            RefmaskWarning,
            stacklevel=4,
        )
    # The pool may shrink to one: an actor of a machine that is gone starts anew only when another
    # has made room for it.
    pool = ray.data.ActorPoolStrategy(
        min_size=1,
        max_size=len(items),
        initial_size=max(1, min(room, len(items))),
    )
    with _settings(ordered):
        rows = ray.data.from_items(
            [{"item": item} for item in items], override_num_blocks=len(items)
        )
        return rows.map_batches(
            _Actor,
            fn_constructor_args=(build,),
            batch_size=1,
            batch_format="pyarrow",
            compute=pool,
            num_cpus=cluster.cores,
            num_gpus=cluster.gpus or None,
            memory=cluster.memory or None,
        )


@contextmanager
def _connected(address: str | None) -> Iterator[None]:
    """A connection to the cluster, or one that lasts as long as this."""
    if ray.is_initialized():
        yield
        return
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    # Ray warns of how Ray Data starts actors; what fails is raised all the same.
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    try:
        if address is None:
            os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
            ray.init(include_dashboard=False, **quiet)
        else:
            ray.init(address=address, **quiet)
    except (ConnectionError, ValueError, RuntimeError) as error:
        said = str(error).strip().partition("\n")[0]
        raise ConfigurationError(
            f"expected a Ray cluster at {address or 'this machine'}, got none ({said}); start one "
            "with 'ray start', or leave `address` out"
        ) from None
    try:
        yield
    finally:
        ray.shutdown()


@contextmanager
def _settings(ordered: bool) -> Iterator[None]:
    """Settings of Ray Data for datasets that are made within; each keeps its own."""
    context = ray.data.DataContext.get_current()
    before = context.copy()
    context.execution_options.preserve_order = ordered
    context.enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    try:
        yield
    finally:
        ray.data.DataContext._set_current(before)
