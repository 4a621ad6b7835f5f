"""``refmask compare``: compare two runs, and list the expressions that changed most."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from refmask.errors import ConfigurationError

if TYPE_CHECKING:
    from refmask.data import Dataset
    from refmask.evaluation.comparing import Change, Comparison, RunRecords


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("first", type=Path, metavar="RUN", help="a folder of 'refmask evaluate'")
    parser.add_argument("second", type=Path, metavar="RUN", help="another, on the same data")
    parser.add_argument(
        "--count", type=int, default=10, metavar="N", help="list the N largest changes (default 10)"
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="write comparison.json and drawings of the changes"
    )
    parser.add_argument(
        "--dataset", help="for drawing: the data set, if its name or folder changed"
    )
    parser.add_argument(
        "--root", type=Path, metavar="DIR", help="for drawing: the folder of the data set's files"
    )


def run(args: argparse.Namespace) -> int:
    """Print metrics, gains and the largest changes; write and draw them to --out."""
    from refmask.evaluation.comparing import compare_runs, read_run
    from refmask.ops.files import write_whole

    if args.count < 0:
        raise ConfigurationError(f"--count {args.count} is negative; give 0 or more")
    first, second = read_run(args.first), read_run(args.second)
    comparison = compare_runs(first, second)
    largest = comparison.changes[: args.count]
    dataset = _dataset(args, first) if args.out else None
    _print(comparison, largest)
    if dataset is not None:
        content = json.dumps(comparison.to_dict(), indent=1).encode() + b"\n"
        write_whole(args.out / "comparison.json", content)
        for number, change in enumerate(largest, 1):
            _draw(args, dataset, change, number)
        print(f"comparison.json and drawings in {args.out}")
    return 0


def _dataset(args: argparse.Namespace, run: RunRecords) -> Dataset:
    """The data set of the run."""
    from refmask.data import load_dataset

    settings = run.configuration
    return load_dataset(
        args.dataset or settings["data"],
        settings["split"],
        args.root,
        split_by=settings.get("split_by"),
        subset=settings.get("subset", "all"),
        overlap_is_background=settings.get("compat.overlap_is_background", False),
        questions=settings.get("questions"),
    )


def _print(comparison: Comparison, largest: list[Change]) -> None:
    from refmask.fingerprint import short

    about = f"{comparison.expressions} expressions about {comparison.images} images in both runs"
    print(about + (f", {comparison.left_out} left out" if comparison.left_out else ""))
    for name, (before, after) in comparison.settings.items():
        print(f"{name}: {short(before)} -> {short(after)}")
    print("\n| figure | first % | second % | gain | 95 % interval | p |")
    print("|---|---|---|---|---|---|")
    for name, (before, after) in comparison.figures.items():
        gain = comparison.gains[name]
        print(
            f"| {name} | {100 * before:.2f} | {100 * after:.2f} | {100 * gain.gain:+.2f} | "
            f"{100 * gain.low:+.2f} to {100 * gain.high:+.2f} | {gain.p:.4f} |"
        )
    turns = " and ".join(
        f"{comparison.turns(turn)} {turn}" for turn in ("wrong -> right", "right -> wrong")
    )
    print(
        f"\n{len(comparison.changes)} answers with another IoU: {turns} (right: IoU at least 0.5)"
    )
    for change in largest:
        record = change.first
        print(
            f"{record['iou']:.2f} -> {change.second['iou']:.2f}  image {record['image']}, "
            f"sentence {record['query']}: {record['expression']!r}"
        )


def _draw(args: argparse.Namespace, dataset: Dataset, change: Change, number: int) -> None:
    """Draw both answers to one expression over its image."""
    from refmask.ops import rle
    from refmask.ops.files import write_whole
    from refmask.visualize.comparison import Panel, comparison
    from refmask.visualize.overlay import png

    sample = dataset.sample(change.first["image"])
    query = next((q for q in sample.queries if q.id == change.first["query"]), None)
    if query is None:
        raise ConfigurationError(
            f"{dataset.name} has no sentence {change.first['query']}; name the runs' data set "
            "with --dataset and --root"
        )
    panels = [
        Panel(f"{run.name}: IoU {record['iou']:.2f}", rle.decode(record["mask"]))
        for run, record in ((args.first, change.first), (args.second, change.second))
    ]
    drawing = comparison(sample.image, query.target, query.expression, panels)
    name = "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in query.id)
    write_whole(args.out / f"{number:02d}-{name}.png", png(drawing))
