"""Options of commands that can run on a Ray cluster."""

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
    """Add options of where to run, and of the resources of a cluster's workers."""
    group = parser.add_argument_group("machines")
    group.add_argument(
        "--engine",
        choices=("local", "ray"),
        help="local (default): the cores of this machine; ray: a Ray cluster, started here without "
        "--address",
    )
    group.add_argument("--address", metavar="ADDRESS", help="of a Ray cluster; 'auto' finds one")
    group.add_argument(
        "--worker-cores",
        type=int,
        default=1,
        metavar="N",
        help="per worker of a cluster (default 1): images at once that share its model",
    )
    group.add_argument(
        "--worker-gpus",
        type=float,
        default=0.0,
        metavar="SHARE",
        help="per worker of a cluster (default 0); with 0.5, two workers share a GPU",
    )
    group.add_argument(
        "--worker-memory",
        metavar="SIZE",
        help="per worker of a cluster, such as 3GB (default: estimated from the model); limits the "
        "workers on a machine",
    )


def on_cluster(args: argparse.Namespace) -> bool:
    """Whether to run on a cluster.

    Raises:
        ConfigurationError: for a cluster's address without a cluster, or for workers of this
            machine with one.
    """
    if args.engine == "local" and args.address is not None:
        raise ConfigurationError("--address needs a cluster; leave it out, or add --engine ray")
    on_ray = args.engine == "ray" or args.address is not None
    if on_ray and getattr(args, "workers", None) is not None:
        raise ConfigurationError(
            "--workers is for this machine, not for a cluster; use --worker-cores"
        )
    return on_ray


def cluster(args: argparse.Namespace, segmenter: Segmenter) -> Cluster:
    """The cluster that the options describe.

    Args:
        args: with ``add_engine_options``.
        segmenter: each worker loads one like it.
    """
    from refmask.batch.cluster import Cluster
    from refmask.batch.worker import memory_of
    from refmask.limits import parse_size

    if args.worker_memory is None:
        memory = memory_of(segmenter, args.worker_cores)
    else:
        memory = parse_size(args.worker_memory)
    return Cluster(args.address, args.worker_cores, args.worker_gpus, memory)


def in_this_folder(build: Callable[[], T]) -> Callable[[], T]:
    """Wrap ``build`` for another process, so that relative paths are those of this folder.

    On a machine without this folder, ``build`` reports the files that it does not find.
    """
    return partial(_within, str(Path.cwd()), build)


def _within(folder: str, build: Callable[[], T]) -> T:
    with suppress(OSError):
        os.chdir(folder)
    return build()
