"""``refmask score``: evaluate masks of another system by the same metrics."""

from __future__ import annotations

import argparse
from pathlib import Path

from refmask.cli.evaluate import (
    add_data_options,
    add_run_options,
    check_first,
    evaluate,
    evaluation_of,
    load_data,
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument(
        "predictions",
        type=Path,
        metavar="PREDICTIONS.json",
        help="a list of objects with 'sentence_id' and 'segmentation' (COCO RLE or polygons), or "
        "an object of segmentations by sentence id",
    )
    parser.add_argument(
        "--dataset",
        required=True,
        help="refcoco, refcoco+, refcocog, grefcoco, phrasecut, scenes, gscenes, a folder in "
        "REFER's layout, or coco (with --questions)",
    )
    add_data_options(parser)
    add_run_options(parser)
    parser.add_argument(
        "--compat",
        choices=("default", "reference"),
        help="reference: metrics as in the paper's released code",
    )


def run(args: argparse.Namespace) -> int:
    """Score; print the metrics and the folder of the records."""
    from refmask import compat
    from refmask.evaluation.scoring import read_predictions

    check_first(args)
    record = compat.by_name(args.compat, "vit")  # evaluation is the same for all towers
    predictions = read_predictions(args.predictions, record)
    evaluation = evaluation_of(args, load_data(args, args.dataset), predictions)
    return evaluate(args, evaluation, args.predictions.stem)
