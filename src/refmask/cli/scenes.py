"""``refmask scenes generate``: write pictures of emoji objects with masks and expressions."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tqdm import tqdm

    from refmask.data.scenes import ComposedScene


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``refmask scenes``."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    make = actions.add_parser(
        "generate",
        help="write a new set in the layout of REFER",
        description="Write scenes in the layout of REFER: pictures, COCO instances and refs. "
        "The split val holds nouns in colours as in training, test only held-out combinations.",
    )
    make.add_argument("--count", type=int, required=True, help="number of pictures")
    make.add_argument("--seed", type=int, default=0, help="same seed, same scenes (default 0)")
    make.add_argument("--out", type=Path, required=True, help="new or empty folder to write")
    make.add_argument(
        "--font", type=Path, help="Noto Color Emoji (default: Debian's fonts-noto-color-emoji)"
    )
    make.add_argument(
        "--test-share", type=float, default=0.5, help="share of the split test (default 0.5)"
    )
    make.add_argument(
        "--side", type=int, default=400, help="side of a picture in pixels (default 400)"
    )


def run(args: argparse.Namespace) -> int:
    """Write the set that the options describe."""
    from tqdm import tqdm

    from refmask.data.scenes import Sprites, compose, write_scenes
    from refmask.data.scenes.writing import SPLITS
    from refmask.errors import ConfigurationError

    if args.count < 1 or not 0 <= args.test_share <= 1:
        raise ConfigurationError(
            f"expected --count of 1 or more and --test-share between 0 and 1, "
            f"got {args.count} and {args.test_share}; correct them"
        )
    tested = round(args.count * args.test_share)
    sprites = Sprites(args.font)
    with tqdm(total=args.count, unit="picture", disable=not sys.stderr.isatty()) as bar:
        start = 1
        parts = {}
        for (split, held_out), count in zip(
            SPLITS.items(), (args.count - tested, tested), strict=True
        ):
            scenes = compose(
                count, args.seed, sprites=sprites, held_out=held_out, side=args.side, start=start
            )
            parts[split] = _counted(scenes, bar)
            start += count
        sentences = write_scenes(args.out, parts, f"refmask scenes, seed {args.seed}")
    print(f"{args.count} pictures and {sentences} expressions in {args.out}")
    return 0


def _counted(scenes: Iterable[ComposedScene], bar: tqdm[None]) -> Iterator[ComposedScene]:
    """The scenes as they come, each moving the bar on once it has been used."""
    for scene in scenes:
        yield scene
        bar.update()
