"""``refmask phrases``: the target noun phrase, head word and reading of each expression."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from refmask.cli.expressions import Expression, read_expressions, target_phrases
from refmask.errors import ExpressionError
from refmask.text.parser import PhraseParser


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("expression", nargs="*", help='for example "second zebra from right"')
    parser.add_argument(
        "--expressions",
        type=Path,
        metavar="FILE",
        help="one expression a line, or .json or .jsonl entries with 'expression' and, if "
        "known, 'words', 'heads', 'deps', 'pos' or 'noun_phrase'",
    )
    parser.add_argument(
        "--parser",
        metavar="NAME",
        help="an installed spaCy pipeline, such as en_core_web_lg (default: the embedded one)",
    )
    parser.add_argument(
        "--compat",
        choices=("default", "reference"),
        help="reference: the reference implementation's rule, to the letter",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--tree", action="store_true", help="how each is read, as a tree")


def run(args: argparse.Namespace) -> int:
    """Print expression, noun phrase, head and reading, one line each."""
    entries = [Expression(text) for text in args.expression]
    if args.expressions is not None:
        entries += read_expressions(args.expressions)
    if not entries:
        raise ExpressionError("expected expressions, got none; give some, or --expressions FILE")
    parser = PhraseParser(args.parser, reference=args.compat == "reference")
    for found in target_phrases(entries, parser):
        fields: dict[str, Any] = {
            "expression": found.expression,
            "noun_phrase": found.noun_phrase,
            "head": found.head,
            "reading": str(found.reading),
        }
        if args.json:
            fields["reading"] = found.reading.to_dict()
            print(json.dumps(fields, ensure_ascii=False))
        elif args.tree:
            print(found.reading.tree())
        else:
            print("\t".join(" ".join(value.split()) for value in fields.values()))
    return 0
