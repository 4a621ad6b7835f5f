"""Options of the commands that write answers for other programs, and the writing."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from refmask.export.answers import Answer
    from refmask.export.collection import Options


def add_format_options(parser: argparse.ArgumentParser, *, required: bool = False) -> None:
    """Which formats, and how they are written."""
    from refmask.export import EXPORTERS

    group = parser.add_argument_group("formats of other programs")
    group.add_argument(
        "--format",
        action="append",
        choices=list(EXPORTERS),
        required=required,
        metavar="NAME",
        help=f"write DIR/NAME/ for another program, again for several: {', '.join(EXPORTERS)}",
    )
    group.add_argument(
        "--label",
        default="expression",
        choices=("expression", "noun-phrase", "head"),
        help="what an object is called there (default expression)",
    )
    group.add_argument(
        "--sure-only", action="store_true", help="leave out answers that call themselves unsure"
    )
    group.add_argument(
        "--copy-images",
        action="store_true",
        help="copy images beside the labels of yolo and labelme, instead of pointing to them",
    )
    group.add_argument(
        "--image-prefix",
        metavar="URL",
        help="what comes before an image's name in Label Studio's tasks (default: its own local "
        "files, /data/local-files/?d=)",
    )
    group.add_argument(
        "--overwrite", action="store_true", help="replace files of an earlier export"
    )


def chosen(args: argparse.Namespace, out: str) -> Options:
    """The options, once it is sure that files may be written.

    Raises:
        ConfigurationError: when there are files already, and they are not to be replaced.
    """
    from refmask.export.collection import LOCAL_FILES, Options, check_free

    prefix = LOCAL_FILES if args.image_prefix is None else args.image_prefix
    options = Options(args.label, args.sure_only, args.copy_images, prefix, args.overwrite)
    for name in args.format:
        check_free(Path(out, name), options)
    return options


def write_formats(
    args: argparse.Namespace, answers: Sequence[Answer], out: str, options: Options
) -> None:
    """Write every format that was asked for, and say where."""
    from refmask.export import export

    # With --json, standard output is for the answers.
    stream = sys.stderr if getattr(args, "json", False) else sys.stdout
    for name in dict.fromkeys(args.format):
        written = export(name, answers, Path(out, name), options)
        count = f"{len(written)} file{'s' if len(written) > 1 else ''}"
        print(f"{name}: {count} -> {Path(out, name)}", file=stream)
