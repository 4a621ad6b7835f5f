"""Spread items of work over a Ray cluster: the only file that imports Ray.

Ray Data keeps a pool of actors, hands each the next item, restarts actors that died and gives them
their item again, as often as it takes. Items and results are bytes; nothing here knows of images.
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
from refmask.batch.storage import first_line
from refmask.errors import ConfigurationError, MissingResource, RefmaskError, RefmaskWarning

try:
    import ray
    import ray.data
except ModuleNotFoundError:
    raise MissingResource('Ray Data is not installed; pip install "refmask[ray]"') from None

#: Turns an item into its result, in a worker.
Work = Callable[[bytes], bytes]


@dataclass(frozen=True)
class Cluster:
    """Where workers run, and the resources of each.

    Attributes:
        address: as ``ray.init`` takes it ("auto" finds the cluster that this machine is part of);
            None starts one on this machine for the duration of the work.
        cores: per worker.
        gpus: per worker; a share such as 0.5 lets workers share one.
        memory: bytes per worker; a machine runs only as many workers as fit.

    Raises:
        ConfigurationError: for less than one core, or negative resources.
    """

    address: str | None = None
    cores: int = 1
    gpus: float = 0.0
    memory: int = 0

    def __post_init__(self) -> None:
        if self.cores < 1 or self.gpus < 0 or self.memory < 0:
            raise ConfigurationError(
                "a worker needs at least one core, and no negative GPUs or memory; got "
                f"{self.cores} cores, {self.gpus} GPUs and {self.memory} bytes"
            )

    def fits(self, machine: dict[str, float]) -> int:
        """How many workers a machine can run, given its resources by Ray's names."""
        wanted = {"CPU": self.cores, "GPU": self.gpus, "memory": self.memory}
        return int(min(machine.get(name, 0) // size for name, size in wanted.items() if size))


class _Actor:
    """A worker: it is built once and then does one item after the other."""

    def __init__(self, build: Callable[[], Work]) -> None:
        self.work: Work | None = None
        self.fault: RefmaskError | None = None
        try:
            self.work = build()
        except RefmaskError as error:  # if raised here, Ray would restart the actor forever
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
        build: makes the work function, once in each worker. It is pickled by reference, so all
            machines need the same version of refmask.
        items: all of them are held in memory.
        cluster: where to run.
        ordered: yield results in the order of the items, else as they finish.

    Yields:
        The result of each item. Close the generator to stop.

    Raises:
        RefmaskError: what ``build`` or the work raised, or when the cluster fails.
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
            raise RefmaskError(
                f"the cluster failed ({first_line(error)}); finished files are kept, so run the "
                "same command again to resume"
            ) from None


def _results(build: Callable[[], Work], items: list[bytes], cluster: Cluster, ordered: bool) -> Any:
    """A lazy Ray dataset of the results."""
    nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    capacity = sum(cluster.fits(node["Resources"]) for node in nodes if node["Alive"])
    if not capacity:
        warnings.warn(
            f"no machine of the cluster has {cluster.cores} cores, {cluster.gpus:g} GPUs and "
            f"{cluster.memory / 1e9:.1f} GB for a worker; waiting until one joins",
            RefmaskWarning,
            stacklevel=4,
        )
    # The pool may shrink to one: an actor of a lost machine restarts only once another actor has
    # freed its resources.
    pool = ray.data.ActorPoolStrategy(
        min_size=1,
        max_size=len(items),
        initial_size=max(1, min(capacity, len(items))),
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
    """Connect to a cluster, or use the connection that exists."""
    if ray.is_initialized():
        yield
        return
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    # Ray warns about how Ray Data starts actors; failures are raised all the same.
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    try:
        if address is None:
            os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
            ray.init(include_dashboard=False, **quiet)
        else:
            ray.init(address=address, **quiet)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise ConfigurationError(
            f"no Ray cluster answers at {address or 'this machine'} ({first_line(error)}); start "
            "one with 'ray start', or leave `address` out"
        ) from None
    try:
        yield
    finally:
        ray.shutdown()


@contextmanager
def _settings(ordered: bool) -> Iterator[None]:
    """Ray Data's settings for datasets made inside; each dataset copies them."""
    context = ray.data.DataContext.get_current()
    before = context.copy()
    context.execution_options.preserve_order = ordered
    context.enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    try:
        yield
    finally:
        ray.data.DataContext._set_current(before)
