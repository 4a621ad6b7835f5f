"""``refmask batch``: many images, on this machine or on many, into Parquet."""

from __future__ import annotations

import argparse
import sys
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from refmask.cli.engines import add_engine_options, cluster, from_here, on_cluster
from refmask.cli.options import add_looking_options, load_looking

if TYPE_CHECKING:
    from refmask.batch.batch import Engine
    from refmask.batch.output import ShardResult
    from refmask.segmenter import Segmenter
    from refmask.types import TargetPhrase


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument(
        "input",
        metavar="INPUT",
        help="a folder (with all below it), a quoted glob, or a .csv or .parquet table with a "
        "column 'image', and maybe one 'expression'; paths, or URIs such as s3://BUCKET/FOLDER",
    )
    asked = parser.add_mutually_exclusive_group()
    asked.add_argument(
        "--expressions", metavar="FILE", help="asked about every image; as 'refmask phrases'"
    )
    asked.add_argument(
        "--per-image",
        metavar="TABLE",
        help="what is asked about each image in the folder INPUT: .csv or .parquet with columns "
        "'image' and 'expression'",
    )
    parser.add_argument(
        "--out",
        required=True,
        metavar="DIR",
        help="where rows go, path or URI; a batch that was broken off goes on where it was",
    )
    _add_run_options(parser)
    add_engine_options(parser)
    add_looking_options(parser)


def _add_run_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("run")
    group.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="of this machine: images at once, each on one core (default: one a core, at most "
        "16; 4 on a GPU); rows do not depend on it",
    )
    group.add_argument(
        "--shard-rows",
        type=int,
        default=256,
        metavar="N",
        help="rows of a file (default 256): what is lost when a worker or this command is killed",
    )
    group.add_argument(
        "--retry", action="store_true", help="do files anew that have failed rows in them"
    )


def run(args: argparse.Namespace) -> int:
    """Answer all rows that are not answered yet; tell how many failed."""
    from refmask.batch.batch import Batch
    from refmask.batch.plan import read_plan
    from refmask.batch.worker import fingerprint_of

    far = on_cluster(args)
    segmenter = load_looking(args)
    plan = read_plan(args.input, _phrases(args, segmenter), args.per_image)
    batch = Batch(plan, fingerprint_of(segmenter), args.out, args.shard_rows, args.retry)
    with _Bar(plan.rows) as bar:
        summary = batch.run(_engine(args, segmenter, far), bar)
    _tell(args, summary, bar)
    return 0 if not summary["errors"] else 2 if summary["errors"] == summary["rows"] else 1


def _phrases(args: argparse.Namespace, segmenter: Segmenter) -> list[TargetPhrase] | None:
    """What is asked about every image; faulty ones are told before one is read."""
    from refmask.cli.expressions import read_expressions, target_phrases

    if args.expressions is None:
        return None
    return target_phrases(read_expressions(args.expressions), segmenter.parser)


def _engine(args: argparse.Namespace, segmenter: Segmenter, far: bool) -> Engine:
    from refmask.batch.batch import Local

    if not far:
        return Local(segmenter, args.workers)
    from refmask.batch.on_ray import OnRay

    return OnRay(from_here(partial(load_looking, args)), cluster(args, segmenter))


def _tell(args: argparse.Namespace, summary: dict[str, Any], bar: _Bar) -> None:
    print(
        f"{summary['rows']} rows about {summary['images']} images in {summary['shards']} files "
        f"in {args.out}, {bar.fresh} of them now in {bar.seconds:.0f} s"
    )
    if summary["errors"]:
        print(
            f"refmask: {summary['errors']} rows failed, the first: {summary['first_error']}",
            file=sys.stderr,
        )


class _Bar:
    """Rows done and failed, where somebody looks."""

    def __init__(self, total: int) -> None:
        self.total, self.fresh, self.failed = total, 0, 0
        self.began = time.perf_counter()
        self.bar: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.close()

    @property
    def seconds(self) -> float:
        """Since it was made."""
        return time.perf_counter() - self.began

    def __call__(self, done: ShardResult, now: bool) -> None:
        """Count a shard."""
        from tqdm import tqdm

        if self.bar is None:
            self.bar = tqdm(total=self.total, unit="row", disable=not sys.stderr.isatty())
        self.fresh += done.rows if now else 0
        self.failed += done.errors
        self.bar.set_postfix({"failed": self.failed}, refresh=False)
        self.bar.update(done.rows)
