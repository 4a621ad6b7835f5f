"""``refmask search``: find the images of an index that a phrase refers to."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from refmask.cli.hints import as_options
from refmask.cli.options import add_system_options, load_segmenter, settle
from refmask.errors import InputError

if TYPE_CHECKING:
    from refmask.search import Hit

#: Drawings per row of a sheet.
COLUMNS = 4


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("phrase", metavar="PHRASE", help='"the dog under the table"')
    parser.add_argument("--index", required=True, metavar="DIR", help="the index's folder")
    parser.add_argument("--top", type=int, default=10, metavar="K", help="images (default 10)")
    parser.add_argument(
        "--regions", type=int, default=1, metavar="N", help="at most N per image (default 1)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object per image")
    parser.add_argument(
        "--sheet", metavar="FILE", help="draw the images with their masks, as a PNG"
    )
    parser.add_argument(
        "--rerank",
        type=int,
        default=0,
        metavar="N",
        help="rerank the N best images by how much the region stands out in its image",
    )
    parser.add_argument(
        "--exact", action="store_true", help="compare every region; slower on large indexes"
    )
    group = parser.add_argument_group("among")
    group.add_argument("--folder", metavar="DIR", help="images in it or below it")
    group.add_argument(
        "--min-area", type=float, default=0.0, metavar="SHARE", help="of the image, 0 to 1"
    )
    group.add_argument(
        "--max-area", type=float, default=1.0, metavar="SHARE", help="of the image, 0 to 1"
    )
    group.add_argument(
        "--since", type=_day, metavar="DAY", help="taken on that day or later, as 2024-05-31"
    )
    group.add_argument("--until", type=_day, metavar="DAY", help="taken on that day or earlier")
    add_system_options(parser)


def run(args: argparse.Namespace) -> int:
    """Search, print and draw; returns 1 when nothing is found."""
    from refmask.search import Filters

    filters = Filters(args.folder, args.min_area, args.max_area, args.since, args.until)
    settle(args)

    from refmask.search import Index

    index = Index.open(args.index, load_segmenter(args, "grouping"))
    hits = index.search(
        args.phrase,
        args.top,
        filters,
        regions=args.regions,
        rerank=args.rerank,
        exact=args.exact,
    )
    for number, hit in enumerate(hits, 1):
        print(json.dumps(hit.record(), ensure_ascii=False) if args.json else _line(number, hit))
    if not hits:
        unknown = index.unknown(args.phrase)
        print(f"refmask: nothing found{f': {unknown}' if unknown else ''}", file=sys.stderr)
    elif args.sheet:
        _draw(hits, Path(args.sheet))
    return 0 if hits else 1


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a day; write it as 2024-05-31") from None


def _line(number: int, hit: Hit) -> str:
    box = ",".join(f"{edge:.0f}" for edge in hit.regions[0].box)
    return f"{number:3}  {hit.score:7.2f}  {hit.given}  box {box}  {hit.verdict}".rstrip()


def _caption(number: int, hit: Hit) -> list[str]:
    lines = [f"{number}. {Path(hit.given).name}", f"score {hit.score:.2f}  {hit.verdict}".rstrip()]
    return lines if hit.provenance is None else [*lines, hit.provenance.caption]


def _draw(hits: list[Hit], file: Path) -> None:
    """Draw all hits on a sheet; report and leave out images that cannot be read any more."""
    from refmask.ops.files import write_whole
    from refmask.ops.images import read_image
    from refmask.visualize.overlay import png
    from refmask.visualize.sheet import sheet
    from refmask.visualize.thumbnail import thumbnail

    drawings = []
    for number, hit in enumerate(hits, 1):
        try:
            image, mask = read_image(hit.path), hit.regions[0].mask
            caption = _caption(number, hit)
            drawings.append(thumbnail(image, mask, caption, unsure=bool(hit.unsure)))
        except InputError as error:
            print(f"refmask: error: {as_options(error)}", file=sys.stderr)
    if drawings:
        write_whole(file, png(sheet(drawings, COLUMNS)))
