"""``refmask serve``: the system over HTTP, for other programs."""

from __future__ import annotations

import argparse
import dataclasses
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from refmask.cli.options import add_looking_options, check_looking, load_looking
from refmask.errors import RefmaskWarning

if TYPE_CHECKING:
    from refmask.segmenter import Segmenter
    from refmask.server.limits import Limits

LOOPBACK = ("127.0.0.1", "localhost", "::1")
#: Option, field of ``Limits``, type or size, and help. Sizes are such as 32MB.
LIMITS = (
    ("--max-body", "body", "SIZE", "of a request (default 32MB)"),
    ("--body-memory", "bodies", "SIZE", "of all bodies together (default 500MB); others get 429"),
    ("--max-pixels", "pixels", "N", "of an image (default 16000000)"),
    ("--max-phrases", "phrases", "N", "in a request (default 64)"),
    ("--max-letters", "letters", "N", "of a phrase (default 300)"),
    ("--workers", "workers", "N", "images looked at at once (default: one for each core)"),
    ("--queue", "queue", "N", "requests that may wait for them (default 32); others get 429"),
    ("--timeout", "seconds", "SECONDS", "for an answer (default 60); then 503"),
    (
        "--head-timeout",
        "head_seconds",
        "SECONDS",
        "for a request's head (default 10); then the connection is closed",
    ),
    ("--scenes", "scenes", "N", "held between requests (default 64)"),
    ("--scene-memory", "scene_bytes", "SIZE", "of all held scenes together (default 2GB)"),
    (
        "--scene-timeout",
        "scene_seconds",
        "SECONDS",
        "for which nobody asks a scene, until it leaves (default 1800)",
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
        help="requests must bear the token in it, 'Authorization: Bearer TOKEN'; without it, the "
        "one in the environment variable REFMASK_TOKEN, if that is set",
    )
    parser.add_argument("--index", metavar="DIR", help="what POST /v1/search searches")
    parser.add_argument(
        "--label-studio", action="store_true", help="answer Label Studio, under /label-studio"
    )
    parser.add_argument(
        "--label-studio-root",
        type=Path,
        metavar="DIR",
        help="where images of its local storage are; implies --label-studio",
    )
    group = parser.add_argument_group("limits")
    for option, field, unit, about in LIMITS:
        kind = {"N": int, "SECONDS": float, "SIZE": str}[unit]
        group.add_argument(option, dest=field, type=kind, metavar=unit, help=about)
    add_looking_options(parser)


def run(args: argparse.Namespace) -> int:
    """Serve until told to stop."""
    from refmask.server.serving import VARIABLE, check_installed, listen, read_token, run

    check_installed()
    from refmask.server.app import app
    from refmask.server.label_studio.tasks import ImageFolder
    from refmask.server.searching import opener

    token, root = read_token(args.token_file), args.label_studio_root
    if token is None and args.host not in LOOPBACK:
        warnings.warn(
            f"whoever reaches {args.host} may ask this server; set {VARIABLE} or --token-file",
            RefmaskWarning,
            stacklevel=2,
        )
    api = app(
        _loader(args),
        limits(args),
        token=token,
        index=None if args.index is None else opener(args.index),
        images=ImageFolder(root) if args.label_studio or root is not None else None,
    )
    with listen(args.host, args.port) as listening:
        run(api, listening, lambda line: print(line, flush=True))
    return 0


def limits(args: argparse.Namespace) -> Limits:
    """What the options say; the defaults' rest."""
    from refmask.evaluation.pipeline import default_workers
    from refmask.limits import parse_size
    from refmask.server.limits import Limits

    given = {
        field: parse_size(value) if unit == "SIZE" else value
        for _, field, unit, _ in LIMITS
        if (value := getattr(args, field)) is not None
    }
    return dataclasses.replace(Limits(workers=default_workers()), **given)


def _loader(args: argparse.Namespace) -> Callable[[], Segmenter]:
    """Loads the system that the options describe; what cannot be served is told at once."""
    check_looking(args)
    return partial(load_looking, args)
