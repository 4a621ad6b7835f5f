"""``refmask score``: masks of any other system under the same figures."""

from __future__ import annotations

import argparse
from pathlib import Path

from refmask.cli.evaluate import (
    add_data_options,
    add_run_options,
    asked,
    check_first,
    evaluate,
    load_data,
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument(
        "predictions",
        type=Path,
        metavar="PREDICTIONS.json",
        help="a list of objects with 'sentence_id' and 'segmentation' (COCO run-length encoding or "
        "polygons), or an object of segmentations by sentence id",
    )
    parser.add_argument(
        "--dataset",
        required=True,
        help="refcoco, refcoco+, refcocog, phrasecut, scenes, a folder in REFER's layout, or coco "
        "(with --questions)",
    )
    add_data_options(parser)
    add_run_options(parser)
    parser.add_argument(
        "--compat",
        choices=("default", "reference"),
        help="reference: count as the paper's released code does",
    )


def run(args: argparse.Namespace) -> int:
    """Score; print the figures and where the records are."""
    from refmask import compat
    from refmask.evaluation.scoring import read_predictions

    check_first(args)
    # The rules of the evaluation do not depend on the tower.
    predictions = read_predictions(args.predictions, compat.by_name(args.compat, "vit"))
    evaluation = asked(args, load_data(args, args.dataset), predictions)
    return evaluate(args, evaluation, args.predictions.stem)
