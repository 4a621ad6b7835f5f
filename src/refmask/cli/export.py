"""``refmask export``: answers of ``refmask segment --json`` in the forms of other programs."""

from __future__ import annotations

import argparse
from pathlib import Path

from refmask.cli.formats import add_format_options, chosen, write_formats
from refmask.cli.segment import OUT
from refmask.errors import InputError


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument(
        "answers", metavar="ANSWERS.JSONL", help="what 'refmask segment --json' printed"
    )
    parser.add_argument("--out", default=OUT, metavar="DIR", help=f"where to write (default {OUT})")
    add_format_options(parser, required=True)


def run(args: argparse.Namespace) -> int:
    """Read the answers, write each format into a folder of its name."""
    from refmask.export.answers import read_answers

    options = chosen(args, args.out)
    try:
        with Path(args.answers).open(encoding="utf-8") as lines:
            answers = read_answers(lines, args.answers)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise InputError(
            f"expected answers of 'refmask segment --json' in {args.answers}, but {reason}; "
            "check the path"
        ) from None
    write_formats(args, answers, args.out, options)
    return 0
