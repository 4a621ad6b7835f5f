"""``refmask serve``: segment over HTTP, for other programs."""

from __future__ import annotations

import argparse
import dataclasses
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from refmask.cli.options import add_segmenter_options, build_segmenter, check_segmenter_options
from refmask.errors import RefmaskWarning

if TYPE_CHECKING:
    from refmask.segmenter import Segmenter
    from refmask.server.limits import Limits

LOOPBACK = ("127.0.0.1", "localhost", "::1")
#: Option, field of ``Limits``, type or size, and help. Sizes are such as 32MB.
LIMITS = (
    ("--max-body", "body", "SIZE", "of a request (default 32MB)"),
    (
        "--body-memory",
        "bodies",
        "SIZE",
        "of all bodies together (default 500MB); further ones get 429",
    ),
    ("--max-pixels", "pixels", "N", "of an image (default 16000000)"),
    ("--max-phrases", "phrases", "N", "per request (default 64)"),
    ("--max-letters", "letters", "N", "of a phrase (default 300)"),
    ("--workers", "workers", "N", "images encoded at once (default: the number of cores)"),
    (
        "--queue",
        "queue",
        "N",
        "requests that may wait for a worker (default 32); further ones get 429",
    ),
    ("--timeout", "seconds", "SECONDS", "for an answer (default 60); then 503"),
    (
        "--head-timeout",
        "head_seconds",
        "SECONDS",
        "for the headers of a request (default 10); then the connection is closed",
    ),
    ("--scenes", "scenes", "N", "cached between requests (default 64)"),
    ("--scene-memory", "scene_bytes", "SIZE", "of all cached scenes together (default 2GB)"),
    (
        "--scene-timeout",
        "scene_seconds",
        "SECONDS",
        "until an unused scene is deleted (default 1800)",
    ),
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument(
        "--host", default="127.0.0.1", help="to listen on (default 127.0.0.1: this machine only)"
    )
    parser.add_argument("--port", type=int, default=8000, help="to listen on (default 8000)")
    parser.add_argument(
        "--token-file",
        metavar="FILE",
        help="requests must send the token in FILE as 'Authorization: Bearer TOKEN' (default: the "
        "environment variable REFMASK_TOKEN, if set)",
    )
    parser.add_argument("--index", metavar="DIR", help="the index that POST /v1/search searches")
    parser.add_argument(
        "--label-studio",
        action="store_true",
        help="serve Label Studio's backend under /label-studio",
    )
    parser.add_argument(
        "--label-studio-root",
        type=Path,
        metavar="DIR",
        help="the folder of its local storage; implies --label-studio",
    )
    group = parser.add_argument_group("limits")
    for option, field, unit, about in LIMITS:
        kind = {"N": int, "SECONDS": float, "SIZE": str}[unit]
        group.add_argument(option, dest=field, type=kind, metavar=unit, help=about)
    add_segmenter_options(parser)


def run(args: argparse.Namespace) -> int:
    """Serve until interrupted."""
    from refmask.server.serving import VARIABLE, check_installed, listen, read_token, run

    check_installed()
    token, root, load = read_token(args.token_file), args.label_studio_root, _loader(args)

    from refmask.server.app import app
    from refmask.server.label_studio.tasks import ImageFolder
    from refmask.server.searching import opener

    if token is None and args.host not in LOOPBACK:
        warnings.warn(
            f"anyone who reaches {args.host} can use this server; set {VARIABLE} or --token-file",
            RefmaskWarning,
            stacklevel=2,
        )
    api = app(
        load,
        limits(args),
        token=token,
        index=None if args.index is None else opener(args.index),
        images=ImageFolder(root) if args.label_studio or root is not None else None,
    )
    with listen(args.host, args.port) as listening:
        run(api, listening, lambda line: print(line, flush=True))
    return 0


def limits(args: argparse.Namespace) -> Limits:
    """The limits that the options set; defaults for the rest."""
    from refmask.evaluation.pipeline import default_workers
    from refmask.limits import parse_size
    from refmask.server.limits import Limits

    stated = {
        field: parse_size(value) if unit == "SIZE" else value
        for _, field, unit, _ in LIMITS
        if (value := getattr(args, field)) is not None
    }
    return dataclasses.replace(Limits(workers=default_workers()), **stated)


def _loader(args: argparse.Namespace) -> Callable[[], Segmenter]:
    """What loads the segmenter; raises at once for options that cannot be served."""
    check_segmenter_options(args)
    return partial(build_segmenter, args)
