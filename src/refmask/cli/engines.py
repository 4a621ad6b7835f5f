"""Options of commands that may work on many machines."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from refmask.errors import ConfigurationError

if TYPE_CHECKING:
    from refmask.batch.cluster import Cluster
    from refmask.segmenter import Segmenter

T = TypeVar("T")


def add_engine_options(parser: argparse.ArgumentParser) -> None:
    """Where the work is done, and what each worker of a cluster takes."""
    group = parser.add_argument_group("machines")
    group.add_argument(
        "--engine",
        choices=("local", "ray"),
        help="local (default): this machine's cores; ray: a Ray cluster's, or with no --address "
        "one that is started here",
    )
    group.add_argument(
        "--address", metavar="ADDRESS", help="of a Ray cluster; 'auto' for the one around here"
    )
    group.add_argument(
        "--worker-cores",
        type=int,
        default=1,
        metavar="N",
        help="of a cluster's worker (default 1): so many images at once share its model",
    )
    group.add_argument(
        "--worker-gpus",
        type=float,
        default=0.0,
        metavar="SHARE",
        help="of a cluster's worker (default 0); 0.5 lets two share one",
    )
    group.add_argument(
        "--worker-memory",
        metavar="SIZE",
        help="of a cluster's worker, such as 3GB (default: estimated from the model): a machine "
        "holds no more workers than fit",
    )


def on_cluster(args: argparse.Namespace) -> bool:
    """Whether a cluster is to do the work.

    Raises:
        ConfigurationError: for the address of a cluster that is not to do it, or for this machine's
            workers when one is.
    """
    if args.engine == "local" and args.address is not None:
        raise ConfigurationError("--address is a cluster's: leave it out, or say --engine ray")
    far = args.engine == "ray" or args.address is not None
    if far and getattr(args, "workers", None) is not None:
        raise ConfigurationError("--workers is this machine's: leave it out, or say --worker-cores")
    return far


def cluster(args: argparse.Namespace, segmenter: Segmenter) -> Cluster:
    """The cluster that the options describe.

    Args:
        args: with ``add_engine_options``.
        segmenter: what each worker will have one like.
    """
    from refmask.batch.cluster import Cluster
    from refmask.batch.worker import memory_of
    from refmask.limits import parse_size

    if args.worker_memory is None:
        memory = memory_of(segmenter, args.worker_cores)
    else:
        memory = parse_size(args.worker_memory)
    return Cluster(args.address, args.worker_cores, args.worker_gpus, memory)


def from_here(build: Callable[[], T]) -> Callable[[], T]:
    """What builds the same in another process, as if that were started in this folder.

    Relative paths among the options mean files here; on a machine without this folder, files are
    not found there, and whoever looks for them says so.
    """
    return partial(_within, str(Path.cwd()), build)


def _within(folder: str, build: Callable[[], T]) -> T:
    with suppress(OSError):
        os.chdir(folder)
    return build()
