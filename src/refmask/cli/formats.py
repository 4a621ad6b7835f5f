"""Write answers for other programs: options and output."""

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
    """Add options of the formats."""
    from refmask.export import EXPORTERS

    group = parser.add_argument_group("formats of other programs")
    group.add_argument(
        "--format",
        action="append",
        choices=list(EXPORTERS),
        required=required,
        metavar="NAME",
        help=f"write DIR/NAME/ for another program; may be repeated: {', '.join(EXPORTERS)}",
    )
    group.add_argument(
        "--label",
        default="expression",
        choices=("expression", "noun-phrase", "head"),
        help="label of an object (default expression)",
    )
    group.add_argument("--sure-only", action="store_true", help="leave out unsure answers")
    group.add_argument(
        "--copy-images",
        action="store_true",
        help="yolo and labelme: copy images beside the labels instead of referring to them",
    )
    group.add_argument(
        "--image-prefix",
        metavar="URL",
        help="prefix of image names in Label Studio's tasks (default: its local files, "
        "/data/local-files/?d=)",
    )
    group.add_argument(
        "--overwrite", action="store_true", help="replace files of an earlier export"
    )


def checked_options(args: argparse.Namespace, out: str) -> Options:
    """The options, after a check that the output folders are free.

    Raises:
        ConfigurationError: when files would be replaced without ``--overwrite``.
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
    """Write the selected formats, and print where."""
    from refmask.export import export

    # With --json, standard output carries the answers.
    stream = sys.stderr if getattr(args, "json", False) else sys.stdout
    for name in dict.fromkeys(args.format):
        written = export(name, answers, Path(out, name), options)
        count = f"{len(written)} file{'s' if len(written) > 1 else ''}"
        print(f"{name}: {count} -> {Path(out, name)}", file=stream)
