"""``refmask evaluate boxes``: what language and geometry decide among boxes of known categories."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from refmask.errors import ConfigurationError


def add_box_options(parser: argparse.ArgumentParser) -> None:
    """What is read, and how much noise is added."""
    group = parser.add_argument_group("boxes")
    group.add_argument(
        "--file",
        type=Path,
        metavar="FILE",
        help="of boxes: .jsonl or .jsonl.gz, an expression a line with width, height, boxes, "
        "categories and target",
    )
    group.add_argument(
        "--noise",
        type=float,
        default=0.0,
        metavar="NATS",
        help="of boxes: add normal noise of so many nats to every score (default 0)",
    )


def run_boxes(args: argparse.Namespace) -> int:
    """Choose a box for every expression; write records, print the shares of right choices."""
    from refmask.classifier.words import load_words
    from refmask.evaluation.boxes import PRIORS, Categories, box_records, box_summary, read_boxes
    from refmask.ops.files import write_whole
    from refmask.terms import ALL, parse_terms
    from refmask.text.parser import EMBEDDED, PhraseParser

    if args.file is None:
        raise ConfigurationError("boxes are read from a file; add --file FILE.jsonl.gz")
    if not 0 <= args.noise < float("inf"):
        raise ConfigurationError(f"--noise is a number of nats of at least 0, got {args.noise}")
    weights = parse_terms(ALL if args.terms in (None, "auto") else args.terms)
    weights.pop("colour", None)  # there is no image
    queries = list(read_boxes(args.file))[: args.first]
    parse = PhraseParser(args.parser or EMBEDDED)
    prior = PRIORS.get(args.preset, 0.0)
    records = list(
        box_records(queries, parse, Categories(load_words()), weights, prior, args.noise)
    )
    out = args.out or Path("runs", f"boxes-{args.file.name.partition('.')[0]}")
    lines = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    summary = box_summary(records)
    write_whole(out / "samples.jsonl", lines.encode())
    write_whole(out / "summary.json", json.dumps(summary, indent=1).encode() + b"\n")
    print(_table(summary))
    print(f"{len(records)} records -> {out}")
    return 0


def _table(summary: dict[str, Any]) -> str:
    rows = [(name, one) for name, one in summary.items() if isinstance(one, dict)]
    lines = [f"{'':12}{'right':>7}{'by chance':>11}{'expressions':>13}"]
    lines += [
        f"{name:12}{one['right']:>7.1%}{one['by_chance']:>11.1%}{one['expressions']:>13,}"
        for name, one in rows
    ]
    errors = f"calibration error {summary['ece']:.3f}, by chance {summary['ece_by_chance']:.3f}"
    return "\n".join([*lines, errors])
