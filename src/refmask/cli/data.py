"""``refmask data``: check, preview and subsample data sets."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from refmask.cli.hints import as_options

if TYPE_CHECKING:
    from refmask.data import Dataset

CHECK, SHOW, FEWSHOT = "check", "show", "fewshot"
NAMES = (
    "refcoco, refcoco+, refcocog, grefcoco, phrasecut, coco, scenes, gscenes, or a folder in "
    "REFER's layout, such as 'training/generate_scenes.py' writes"
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    check = actions.add_parser(CHECK, help="list its files, missing ones, and where to get them")
    _add_name(check)
    show = actions.add_parser(SHOW, help="draw images with their targets and expressions")
    _add_name(show)
    show.add_argument("--split", help="val (default, except for coco), test, testA, all, ...")
    _add_split_by(show)
    show.add_argument("--subset", default="all", help="of phrasecut: all (default), seen or unseen")
    show.add_argument("--questions", choices=("categories",), help="for coco: query categories")
    show.add_argument("--count", type=int, default=8, help="number of images (default 8)")
    show.add_argument("--seed", type=int, default=0, help="which images (default 0)")
    show.add_argument("--out", type=Path, required=True, metavar="DIR", help="for the drawings")
    fewshot = actions.add_parser(
        FEWSHOT, help="write a subset of K instances per class, nested in that of K + 1"
    )
    _add_name(fewshot)
    fewshot.add_argument("--split", default="train", help="to draw from (default train)")
    _add_split_by(fewshot)
    fewshot.add_argument("--per-class", type=int, required=True, metavar="K")
    fewshot.add_argument("--seed", type=int, default=0, help="which instances (default 0)")
    fewshot.add_argument("--out", type=Path, required=True, metavar="FILE", help="JSON to write")


def run(args: argparse.Namespace) -> int:
    """Run the action."""
    if args.action == CHECK:
        return _check(args.name, args.root)
    if args.action == SHOW:
        return _show(args)
    return _fewshot(args)


def _add_name(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help=NAMES)
    parser.add_argument(
        "--root",
        type=Path,
        metavar="DIR",
        help="the data set's folder; only scenes and gscenes are shipped",
    )


def _add_split_by(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--split-by", help="of refcocog: umd (default) or google")


def _check(dataset: str, folder: Path | None) -> int:
    """Print the state of each file and split; returns 1 when a required one is missing."""
    from refmask.data.checking import find_parts, resolve, split_states

    name, root = resolve(dataset, folder)
    complete = True
    print(f"{name} in {root}")
    for entry in find_parts(name, root):
        if entry.path is not None:
            print(f"  here      {entry.path.relative_to(root)}")
            continue
        complete &= entry.part.optional
        state = "not here" if entry.part.optional else "MISSING "
        print(f"  {state}  {entry.part.name}\n            from {entry.part.source}")
    states = split_states(name, root)
    for split in states:
        title = f"{split.split_by} {split.split}" if split.split_by else split.split
        if split.fault is not None:
            print(f"  split {title}: {as_options(split.fault)}")
        else:
            print(f"  split {title}: {split.images} images, {split.queries} expressions")
        if split.missing:
            first = ", ".join(path.name for path in split.missing[:3])
            print(f"    {len(split.missing)} images are missing, first: {first}")
        complete &= split.fault is None and not split.missing
    return 0 if complete and states else 1


def _show(args: argparse.Namespace) -> int:
    """Draw random images, in the data set's order."""
    import numpy as np

    from refmask.errors import ConfigurationError
    from refmask.ops.files import write_whole
    from refmask.visualize.overlay import png
    from refmask.visualize.samples import draw_sample

    if args.count < 1 or args.seed < 0:
        raise ConfigurationError(
            f"--count {args.count} or --seed {args.seed} is too small; give --count of 1 or more "
            "and --seed of 0 or more"
        )
    if args.split is None and args.name != "coco":
        args.split = "val"
    dataset = _load(args, subset=args.subset, questions=args.questions)
    count = min(args.count, len(dataset.ids))
    for row in sorted(np.random.default_rng(args.seed).permutation(len(dataset.ids))[:count]):
        sample = dataset.sample(dataset.ids[row])
        path = args.out / f"{dataset.name}-{dataset.split}-{sample.id}.png"
        write_whole(path, png(draw_sample(sample, dataset.categories)))
        print(f"{path}: {len(sample.queries)} expressions")
    return 0


def _fewshot(args: argparse.Namespace) -> int:
    """Write the drawn refs; print how many instances some classes lack."""
    from refmask.data.fewshot import few_shot, record
    from refmask.ops.files import as_utf8, write_whole

    dataset = _load(args)
    refs = few_shot(dataset, args.per_class, args.seed)
    content = record(dataset, refs, args.per_class, args.seed)
    write_whole(args.out, as_utf8(json.dumps(content, ensure_ascii=False, indent=1) + "\n"))
    classes = len(content["categories"])
    lacking = args.per_class * classes - len(refs)
    note = f" (some classes have fewer than {args.per_class}: {lacking} missing)" if lacking else ""
    print(f"{len(refs)} instances of {classes} classes{note} -> {args.out}")
    return 0


def _load(args: argparse.Namespace, **more: Any) -> Dataset:
    from refmask.data import load_dataset

    return load_dataset(args.name, args.split, args.root, split_by=args.split_by, **more)
