"""``refmask batch``: segment many images, on this machine or a cluster, into Parquet."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

from refmask.cli.engines import add_engine_options, cluster, in_this_folder, on_cluster
from refmask.cli.expressions import read_expressions, target_phrases
from refmask.cli.options import add_segmenter_options, build_segmenter, check_segmenter_options

if TYPE_CHECKING:
    from refmask.batch.batch import Engine
    from refmask.batch.output import ShardResult
    from refmask.segmenter import Segmenter


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument(
        "input",
        metavar="INPUT",
        help="a folder (searched recursively), a quoted glob, or a .csv or .parquet table with a "
        "column 'image' and optionally 'expression'; paths, or URIs such as s3://BUCKET/FOLDER",
    )
    phrases = parser.add_mutually_exclusive_group()
    phrases.add_argument(
        "--expressions",
        metavar="FILE",
        help="expressions for every image, as in 'refmask phrases'",
    )
    phrases.add_argument(
        "--per-image",
        metavar="TABLE",
        help="expressions of each image in the folder INPUT: .csv or .parquet with columns "
        "'image' and 'expression'",
    )
    parser.add_argument(
        "--out",
        required=True,
        metavar="DIR",
        help="where to write rows, path or URI; an interrupted batch resumes",
    )
    _add_run_options(parser)
    add_engine_options(parser)
    add_segmenter_options(parser)


def _add_run_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("run")
    group.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="images at once on this machine, one core each (default: all cores, at most "
        "16; 4 on a GPU); rows do not depend on it",
    )
    group.add_argument(
        "--shard-rows",
        type=int,
        default=256,
        metavar="N",
        help="rows per file (default 256): a killed worker or command loses at most one file",
    )
    group.add_argument("--retry", action="store_true", help="redo files with failed rows")


def run(args: argparse.Namespace) -> int:
    """Answer all rows that are not answered yet; print how many failed."""
    on_ray = on_cluster(args)
    check_segmenter_options(args)
    expressions = None if args.expressions is None else read_expressions(args.expressions)

    from tqdm import tqdm

    from refmask.batch.batch import Batch
    from refmask.batch.plan import read_plan
    from refmask.batch.worker import fingerprint_of

    segmenter = build_segmenter(args)
    # Bad expressions are errors before an image is read.
    phrases = None if expressions is None else target_phrases(expressions, segmenter.parser)
    plan = read_plan(args.input, phrases, args.per_image)
    batch = Batch(plan, fingerprint_of(segmenter), args.out, args.shard_rows, args.retry)
    began, counts = time.perf_counter(), Counter[str]()
    off = not sys.stderr.isatty()
    with tqdm(total=plan.rows, unit="row", disable=off, delay=1e-6) as bar:

        def report(shard: ShardResult, now: bool) -> None:
            counts["new"] += shard.rows if now else 0
            counts["failed"] += shard.errors
            bar.set_postfix({"failed": counts["failed"]}, refresh=False)
            bar.update(shard.rows)

        summary = batch.run(_engine(args, segmenter, on_ray), report)
    print(
        f"Wrote {counts['new']} rows in {time.perf_counter() - began:.0f} s; {args.out} holds "
        f"{summary['rows']} rows ({summary['images']} images) in {summary['shards']} files."
    )
    if not summary["errors"]:
        return 0
    first = summary["first_error"]
    print(f"refmask: {summary['errors']} rows failed; the first: {first}", file=sys.stderr)
    return 2 if summary["errors"] == summary["rows"] else 1


def _engine(args: argparse.Namespace, segmenter: Segmenter, on_ray: bool) -> Engine:
    from refmask.batch.batch import Local

    if not on_ray:
        return Local(segmenter, args.workers)
    from refmask.batch.on_ray import OnRay

    return OnRay(in_this_folder(partial(build_segmenter, args)), cluster(args, segmenter))
