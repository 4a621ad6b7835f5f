"""``refmask export``: convert answers of ``refmask segment --json`` for other programs."""

from __future__ import annotations

import argparse
from pathlib import Path

from refmask.cli.formats import add_format_options, checked_options, write_formats
from refmask.cli.segment import OUT


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument(
        "answers", metavar="ANSWERS.JSONL", help="output of 'refmask segment --json'"
    )
    parser.add_argument("--out", default=OUT, metavar="DIR", help=f"where to write (default {OUT})")
    add_format_options(parser, required=True)


def run(args: argparse.Namespace) -> int:
    """Read the answers; write each format to a folder of its name."""
    from refmask.export.answers import read_answers
    from refmask.ops.reading import read_text

    options = checked_options(args, args.out)
    text = read_text(Path(args.answers), "answers of 'refmask segment --json'")
    answers = read_answers(text.split("\n"), args.answers)
    write_formats(args, answers, args.out, options)
    return 0
