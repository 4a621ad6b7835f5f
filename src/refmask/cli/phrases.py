"""``refmask phrases``: the target noun phrase, head word and reading of each expression."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from refmask.cli.expressions import Expression, read_expressions, target_phrases
from refmask.errors import ExpressionError
from refmask.text.parser import PhraseParser


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("expression", nargs="*", help='for example "second zebra from right"')
    parser.add_argument(
        "--expressions",
        type=Path,
        metavar="FILE",
        help="one expression per line, or .json or .jsonl entries with 'expression' and "
        "optionally 'words', 'heads', 'deps', 'pos' or 'noun_phrase'",
    )
    parser.add_argument(
        "--parser",
        metavar="NAME",
        help="an installed spaCy pipeline, such as en_core_web_lg (default: the embedded one)",
    )
    parser.add_argument(
        "--compat",
        choices=("default", "reference"),
        help="reference: exactly the rule of the paper's released code",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object per line")
    parser.add_argument("--tree", action="store_true", help="print how each is read, as a tree")


def run(args: argparse.Namespace) -> int:
    """Print expression, noun phrase and head of each, or how it is read."""
    entries = [Expression(text) for text in args.expression]
    if args.expressions is not None:
        entries += read_expressions(args.expressions)
    if not entries:
        raise ExpressionError("no expressions given; name some, or use --expressions FILE")
    parser = PhraseParser(args.parser, reference=args.compat == "reference")
    for phrase in target_phrases(entries, parser):
        fields = {
            "expression": phrase.expression,
            "noun_phrase": phrase.noun_phrase,
            "head": phrase.head,
        }
        if args.json:
            print(json.dumps(fields | {"reading": phrase.reading.to_dict()}, ensure_ascii=False))
        elif args.tree:
            print(phrase.reading.tree())
        else:
            print("\t".join(" ".join(value.split()) for value in fields.values()))
    return 0
