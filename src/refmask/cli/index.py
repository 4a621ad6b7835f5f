"""``refmask index``: regions of many images, kept to be searched by ``refmask search``."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

from refmask.cli.engines import add_engine_options, cluster, from_here, on_cluster
from refmask.cli.hints import as_options
from refmask.cli.options import add_looking_options, load_looking

if TYPE_CHECKING:
    from refmask.search import Index, Outcome, Stats
    from refmask.search.rows import RemoteEncoder

ADD, UPDATE, REMOVE, STATS = "add", "update", "remove", "stats"


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    add = actions.add_parser(ADD, help="take images in; those that are in it already cost nothing")
    add.add_argument("paths", metavar="PATH", nargs="+", help="images, folders or quoted globs")
    _add_looking(add)
    _add_looking(
        actions.add_parser(
            UPDATE, help="notice changed, moved and deleted images, and new ones in added folders"
        )
    )
    remove = actions.add_parser(REMOVE, help="forget images, or folders with all below them")
    remove.add_argument("paths", metavar="PATH", nargs="+", help="images or folders")
    _add_place(remove)
    stats = actions.add_parser(STATS, help="how much it holds, and what it was made with")
    _add_place(stats)
    stats.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Do what the action says."""
    from refmask.search import Collection

    if args.action == REMOVE:
        count = Collection(args.index).remove_places(args.paths)
        print(f"{args.index}: {count} removed")
        return 0
    if args.action == STATS:
        stats = Collection(args.index).stats()
        print(json.dumps(asdict(stats)) if args.json else _described(stats))
        return 0
    return _look(args)


def _add_place(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--index", required=True, metavar="DIR", help="the index's folder")


def _add_looking(parser: argparse.ArgumentParser) -> None:
    _add_place(parser)
    add_engine_options(parser)
    add_looking_options(parser)


def _look(args: argparse.Namespace) -> int:
    """Add or update; a bad image does not stop the rest."""
    from refmask.search import Index

    far = on_cluster(args)
    index = Index.open(args.index, load_looking(args), create=args.action == ADD)
    counted = _followed(index, args, _elsewhere(index, args) if far else None)
    told = ", ".join(f"{count} {what}" for what, count in sorted(counted.items()))
    print(f"{args.index}: {told or 'nothing to do'}")
    failed = counted["failed"]
    return 0 if not failed else 2 if failed == counted.total() else 1


def _elsewhere(index: Index, args: argparse.Namespace) -> RemoteEncoder:
    """Looks at images on the cluster that the options describe."""
    from refmask.batch.indexing import EntriesOnRay
    from refmask.batch.worker import fingerprint_of

    told = fingerprint_of(index.segmenter)
    build = from_here(partial(load_looking, args))
    return EntriesOnRay(build, told, index.collection.marker.alpha, cluster(args, index.segmenter))


def _followed(
    index: Index, args: argparse.Namespace, elsewhere: RemoteEncoder | None
) -> Counter[str]:
    from tqdm import tqdm

    with tqdm(unit="image", disable=not sys.stderr.isatty()) as bar:

        def tell(outcome: Outcome, files: int) -> None:
            bar.total = files
            bar.update()
            if outcome.error:
                tqdm.write(f"refmask: error: {as_options(outcome.error)}", file=sys.stderr)

        if args.action == ADD:
            return index.add(args.paths, tell, elsewhere)
        return index.update(tell, elsewhere)


def _described(stats: Stats) -> str:
    each = f", {stats.bytes / stats.regions:,.0f} a region" if stats.regions else ""
    searched = (
        f"{stats.approximate}, {stats.indexed:,} of the regions in it"
        if stats.approximate
        else "every region is compared"
    )
    rows: dict[str, Any] = {
        "images": f"{stats.images:,}",
        "regions": f"{stats.regions:,}",
        "bytes": f"{stats.bytes:,}{each}",
        "search": searched,
        "alpha": stats.alpha,
        "dimension": stats.dim,
        **{f"folder {number}": folder for number, folder in enumerate(stats.folders, 1)},
        **stats.configuration,
    }
    width = max(map(len, rows))
    return "\n".join(f"{name:{width}}  {value}" for name, value in rows.items())
