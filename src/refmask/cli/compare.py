"""``refmask compare``: what one run gains over another, and on which expressions."""

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
        "--count", type=int, default=10, metavar="N", help="of the largest changes (default 10)"
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="write comparison.json and draw the changes there"
    )
    parser.add_argument(
        "--dataset", help="for drawing: the data set, where its name or folder is another now"
    )
    parser.add_argument(
        "--root", type=Path, metavar="DIR", help="for drawing: the folder of the data set's files"
    )


def run(args: argparse.Namespace) -> int:
    """Print figures, gains and the largest changes; draw them where --out says."""
    from refmask.evaluation.comparing import compare_runs, read_run
    from refmask.ops.files import write_whole

    if args.count < 0:
        raise ConfigurationError(f"expected --count of at least 0, got {args.count}")
    first, second = read_run(args.first), read_run(args.second)
    found = compare_runs(first, second)
    dataset = _dataset(args, first) if args.out else None
    _print(found, found.changes[: args.count])
    if dataset is not None:
        content = json.dumps(found.to_dict(), indent=1).encode() + b"\n"
        write_whole(args.out / "comparison.json", content)
        for number, change in enumerate(found.changes[: args.count], 1):
            _draw(args, dataset, change, number)
        print(f"comparison.json and drawings in {args.out}")
    return 0


def _dataset(args: argparse.Namespace, run: RunRecords) -> Dataset:
    """The data set that the run asked, read again."""
    from refmask.data import load_dataset

    told = run.configuration
    return load_dataset(
        args.dataset or told["data"],
        told["split"],
        args.root,
        split_by=told.get("split_by"),
        subset=told.get("subset", "all"),
        overlap_is_background=told.get("compat.overlap_is_background", False),
        questions=told.get("questions"),
    )


def _print(found: Comparison, largest: list[Change]) -> None:
    from refmask.fingerprint import short

    about = f"{found.expressions} expressions about {found.images} images in both runs"
    print(about + (f", {found.left_out} left out" if found.left_out else ""))
    for name, (one, other) in found.settings.items():
        print(f"{name}: {short(one)} -> {short(other)}")
    print("\n| figure | first % | second % | gain | 95 % interval | p |")
    print("|---|---|---|---|---|---|")
    for name, (one, two) in found.figures.items():
        gain = found.gains[name]
        print(
            f"| {name} | {100 * one:.2f} | {100 * two:.2f} | {100 * gain.gain:+.2f} | "
            f"{100 * gain.low:+.2f} to {100 * gain.high:+.2f} | {gain.p:.4f} |"
        )
    turned = " and ".join(
        f"{found.turns(turn)} {turn}" for turn in ("wrong -> right", "right -> wrong")
    )
    print(f"\n{len(found.changes)} answers of another IoU: {turned} (right: IoU at least 0.5)")
    for change in largest:
        record = change.first
        print(
            f"{record['iou']:.2f} -> {change.second['iou']:.2f}  image {record['image']}, "
            f"sentence {record['query']}: {record['expression']!r}"
        )


def _draw(args: argparse.Namespace, dataset: Dataset, change: Change, number: int) -> None:
    """Both answers to one expression over its image."""
    from refmask.ops import rle
    from refmask.ops.files import write_whole
    from refmask.visualize.comparison import Panel, comparison
    from refmask.visualize.overlay import png

    sample = dataset.sample(change.first["image"])
    query = next((q for q in sample.queries if q.id == change.first["query"]), None)
    if query is None:
        raise ConfigurationError(
            f"expected sentence {change.first['query']} in {dataset.name}, it has none; name the "
            "data set of the runs by --dataset and --root"
        )
    panels = [
        Panel(f"{place.name}: IoU {record['iou']:.2f}", rle.decode(record["mask"]))
        for place, record in ((args.first, change.first), (args.second, change.second))
    ]
    drawing = comparison(sample.image, query.target, query.expression, panels)
    write_whole(args.out / f"{number:02d}-{_safe(query.id)}.png", png(drawing))


def _safe(name: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in name)
