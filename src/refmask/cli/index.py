"""``refmask index``: index regions of many images for ``refmask search``."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

from refmask.cli.engines import add_engine_options, cluster, in_this_folder, on_cluster
from refmask.cli.hints import as_options
from refmask.cli.options import add_segmenter_options, build_segmenter, check_segmenter_options

if TYPE_CHECKING:
    from refmask.search import Index, Outcome, Stats
    from refmask.search.rows import RemoteEncoder

ADD, UPDATE, REMOVE, STATS = "add", "update", "remove", "stats"


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    add = actions.add_parser(ADD, help="add images; those already in the index cost nothing")
    add.add_argument("paths", metavar="PATH", nargs="+", help="images, folders or quoted globs")
    _add_encoding(add)
    _add_encoding(
        actions.add_parser(
            UPDATE, help="apply changed, moved, deleted and new images of the added folders"
        )
    )
    remove = actions.add_parser(REMOVE, help="remove images, or folders recursively")
    remove.add_argument("paths", metavar="PATH", nargs="+", help="images or folders")
    _add_index(remove)
    stats = actions.add_parser(STATS, help="its size, and the settings it was made with")
    _add_index(stats)
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
        print(json.dumps(asdict(stats)) if args.json else _table(stats))
        return 0
    return _encode(args)


def _add_index(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--index", required=True, metavar="DIR", help="the index's folder")


def _add_encoding(parser: argparse.ArgumentParser) -> None:
    _add_index(parser)
    add_engine_options(parser)
    add_segmenter_options(parser)


def _encode(args: argparse.Namespace) -> int:
    """Add or update; a bad image does not stop the rest."""
    on_ray = on_cluster(args)
    check_segmenter_options(args)

    from refmask.search import Index

    index = Index.open(args.index, build_segmenter(args), create=args.action == ADD)
    counts = _run(index, args, _elsewhere(index, args) if on_ray else None)
    summary = ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items()))
    print(f"{args.index}: {summary or 'nothing to do'}")
    failed = counts["failed"]
    return 0 if not failed else 2 if failed == counts.total() else 1


def _elsewhere(index: Index, args: argparse.Namespace) -> RemoteEncoder:
    """Encodes images on the cluster that the options describe."""
    from refmask.batch.indexing import EntriesOnRay
    from refmask.batch.worker import fingerprint_of

    build = in_this_folder(partial(build_segmenter, args))
    fingerprint, alpha = fingerprint_of(index.segmenter), index.collection.marker.alpha
    return EntriesOnRay(build, fingerprint, alpha, cluster(args, index.segmenter))


def _run(index: Index, args: argparse.Namespace, elsewhere: RemoteEncoder | None) -> Counter[str]:
    from tqdm import tqdm

    with tqdm(unit="image", disable=not sys.stderr.isatty()) as bar:

        def report(outcome: Outcome, files: int) -> None:
            bar.total = files
            bar.update()
            if outcome.error:
                tqdm.write(f"refmask: error: {as_options(outcome.error)}", file=sys.stderr)

        if args.action == ADD:
            return index.add(args.paths, report, elsewhere)
        return index.update(report, elsewhere)


def _table(stats: Stats) -> str:
    each = f", {stats.bytes / stats.regions:,.0f} a region" if stats.regions else ""
    searched = (
        f"{stats.approximate}, {stats.indexed:,} of the regions in it"
        if stats.approximate
        else "exact: compares every region"
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
