"""Write images of emoji objects with masks and expressions, in the layout of REFER.

python training/generate_scenes.py --count 48 --seed 7 --out DIR
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from tqdm import tqdm

from emoji_scenes import ComposedScene, Sprites, compose, write_scenes
from emoji_scenes.writing import SPLITS
from refmask.errors import RefmaskError


def main(words: Sequence[str] | None = None) -> int:
    """Write the set that the options describe."""
    args = options().parse_args(words)
    if args.count < 1 or not 0 <= args.test_share <= 1:
        print(
            "expected --count of 1 or more and --test-share between 0 and 1, "
            f"got {args.count} and {args.test_share}; correct them",
            file=sys.stderr,
        )
        return 2
    tested = round(args.count * args.test_share)
    counts = {"val": args.count - tested, "test": tested}
    try:
        sprites = Sprites(args.font)
        with tqdm(total=args.count, unit="image", disable=not sys.stderr.isatty()) as bar:
            parts, start = {}, 1
            for split, held_out in SPLITS.items():
                scenes = compose(
                    counts[split],
                    args.seed,
                    sprites=sprites,
                    held_out=held_out,
                    side=args.side,
                    start=start,
                    generalised=args.generalised,
                )
                parts[split] = _counted(scenes, bar)
                start += counts[split]
            name = "gscenes" if args.generalised else "scenes"
            description = f"refmask {name}, seed {args.seed}"
            sentences = write_scenes(args.out, parts, description, args.generalised)
    except RefmaskError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{args.count} images and {sentences} expressions in {args.out}")
    return 0


def options() -> argparse.ArgumentParser:
    """The command's options."""
    parser = argparse.ArgumentParser(
        description="Write scenes in the layout of REFER: images, COCO instances and refs. "
        "The split val holds nouns in colours as in training, test only held-out combinations."
    )
    parser.add_argument("--count", type=int, required=True, help="number of images")
    parser.add_argument("--seed", type=int, default=0, help="same seed, same scenes (default 0)")
    parser.add_argument("--out", type=Path, required=True, help="new or empty folder to write")
    parser.add_argument(
        "--font", type=Path, help="Noto Color Emoji (default: Debian's fonts-noto-color-emoji)"
    )
    parser.add_argument(
        "--test-share", type=float, default=0.5, help="share of the split test (default 0.5)"
    )
    parser.add_argument(
        "--generalised",
        action="store_true",
        help="the data set gscenes: expressions about one thing, several or none",
    )
    parser.add_argument(
        "--side", type=int, default=400, help="side of an image in pixels (default 400)"
    )
    return parser


def _counted(scenes: Iterable[ComposedScene], bar: tqdm[None]) -> Iterator[ComposedScene]:
    """The scenes as they come, each moving the bar on once it has been used."""
    for scene in scenes:
        yield scene
        bar.update()


if __name__ == "__main__":
    sys.exit(main())
