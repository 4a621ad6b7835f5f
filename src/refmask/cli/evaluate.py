"""``refmask evaluate``: a system's figures on a data set, with a record of every answer."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from refmask.cli.choosing import settle
from refmask.cli.engines import add_engine_options, cluster, from_here, on_cluster
from refmask.cli.options import (
    add_refinement_options,
    add_store_limit,
    add_system_options,
    load_segmenter,
    refinement,
)
from refmask.errors import ConfigurationError

if TYPE_CHECKING:
    from refmask.data import Dataset
    from refmask.evaluation.evaluate import Evaluation
    from refmask.evaluation.sources import ProposalSource
    from refmask.metrics import Tally
    from refmask.segmenter import Segmenter

#: The data set that the embedded model was made for.
SCENES = "scenes"
#: Where runs go that are not told where.
RUNS = "runs"


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument(
        "dataset",
        metavar="DATASET",
        help="refcoco, refcoco+, refcocog, phrasecut, scenes, a folder in REFER's layout, or coco "
        "(with --questions)",
    )
    add_data_options(parser)
    parser.add_argument(
        "--proposals",
        default="auto",
        metavar="SPEC",
        help="instances (the data set's own masks; of coco, any of the category is right), or as "
        "in 'refmask segment': auto (default), grouping, freesolo, store:PATH, masks:PATH (with "
        "{stem} for the image's id), ...",
    )
    add_run_options(parser)
    add_engine_options(parser)
    add_refinement_options(parser)
    add_store_limit(parser)
    add_system_options(parser)


def add_data_options(parser: argparse.ArgumentParser) -> None:
    """Which split, and where it is."""
    group = parser.add_argument_group("data")
    group.add_argument(
        "--split",
        help="such as val, testA or test; none for coco where DIR holds instances.json and images/",
    )
    group.add_argument(
        "--root", type=Path, metavar="DIR", help="the folder of the data set's files"
    )
    group.add_argument("--split-by", metavar="NAME", help="of refcocog: umd (default) or google")
    group.add_argument(
        "--subset", default="all", help="of phrasecut: all (default), seen or unseen"
    )
    group.add_argument(
        "--questions",
        choices=("categories",),
        help="of coco, which has no expressions: categories asks for each category that an image "
        "has one instance of, of at least 1 %% of its area",
    )
    group.add_argument("--first", type=int, metavar="N", help="ask the first N images only")


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Where a run goes, what it does about missing images, and how many it takes at once."""
    group = parser.add_argument_group("run")
    group.add_argument(
        "--out",
        type=Path,
        metavar="RUN",
        help=f"the run's folder (default: one in {RUNS}/, named by data, system and settings); a "
        "run that was broken off goes on where it was",
    )
    group.add_argument(
        "--missing",
        default="stop",
        choices=("stop", "skip"),
        help="what to do about images that cannot be read (default stop)",
    )
    group.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="images at once, each on one core (default: one a core, at most 16; 4 on a GPU); "
        "records do not depend on it",
    )


def run(args: argparse.Namespace) -> int:
    """Evaluate; print the figures and where the records are."""
    check_first(args)
    evaluation, segmenter = _evaluation(args)
    if on_cluster(args):
        from refmask.batch.on_ray import RecordsOnRay

        build = from_here(partial(_anew, args))
        far = RecordsOnRay(build, evaluation.configuration, cluster(args, segmenter))
        evaluation = replace(evaluation, remote=far)
    return evaluate(args, evaluation, evaluation.configuration["method"])


def _evaluation(args: argparse.Namespace) -> tuple[Evaluation, Segmenter]:
    """The evaluation that the options describe, and what answers in it."""
    from refmask.evaluation.sources import INSTANCES
    from refmask.evaluation.system import SegmenterSystem

    settle(args, scenes=args.dataset == SCENES)
    dataset = load_data(args, args.dataset, among_instances=args.proposals == INSTANCES)
    segmenter, source = _system(args, dataset.ids[: args.first])
    return asked(args, dataset, SegmenterSystem(segmenter, source)), segmenter


def asked(args: argparse.Namespace, dataset: Dataset, system: Any) -> Evaluation:
    """A system to be asked a split.

    Args:
        args: with ``add_data_options`` and ``add_run_options``.
        dataset: the split.
        system: as ``refmask.evaluation.system.System`` says.
    """
    from refmask.evaluation.evaluate import Evaluation

    return Evaluation(dataset, system, args.first, args.missing, args.workers)


def _anew(args: argparse.Namespace) -> Evaluation:
    """The same in another process."""
    return _evaluation(args)[0]


def check_first(args: argparse.Namespace) -> None:
    """Raise ConfigurationError for a number of images below 1."""
    if args.first is not None and args.first < 1:
        raise ConfigurationError(f"expected --first of at least 1, got {args.first}")


def load_data(args: argparse.Namespace, name: str, among_instances: bool = False) -> Dataset:
    """The split that the options name, read by the rules of ``--compat``.

    Args:
        args: with ``add_data_options`` and "compat".
        name: of the data set.
        among_instances: the answers are chosen among the data set's own masks.

    Raises:
        ConfigurationError: when it does not exist, or has no expressions and no ``--questions``.
    """
    from refmask import compat
    from refmask.data import load_dataset
    from refmask.data.choice import CHOICES

    if name == "coco" and args.questions is None:
        raise ConfigurationError("coco has no expressions; add --questions categories")
    questions = CHOICES if args.questions and among_instances else args.questions
    # This field does not depend on the tower.
    apart = compat.by_name(args.compat, "vit").overlap_is_background
    return load_dataset(
        name,
        args.split,
        args.root,
        split_by=args.split_by,
        subset=args.subset,
        overlap_is_background=apart,
        questions=questions,
    )


def evaluate(args: argparse.Namespace, evaluation: Evaluation, name: str) -> int:
    """Run an evaluation under a bar with the figures so far; print what came out.

    Args:
        args: with ``add_run_options``.
        evaluation: what is asked of what.
        name: the system's, for the run's folder.
    """

    dataset, mark = evaluation.dataset, evaluation.configuration.short
    folder = args.out or Path(RUNS, f"{dataset.name}-{dataset.split}-{name}-{mark}")
    with _Bar(len(evaluation.images)) as bar:
        summary = evaluation.run(folder, bar)
    print_summary(summary)
    print(f"records and summary in {folder}")
    return 1 if summary["missing_images"]["count"] else 0


class _Bar:
    """Images done, time left and the figures so far, where somebody looks."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.bar: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.close()

    def __call__(self, done: int, tally: Tally) -> None:
        """Show the figures so far; the images of the first call were done before."""
        from tqdm import tqdm

        if self.bar is None:
            off = not sys.stderr.isatty()
            self.bar = tqdm(total=self.total, initial=done, unit="image", disable=off)
        figures = tally.metrics()
        shown = {name: f"{figures[name]:.2%}" for name in ("oIoU", "mIoU") if name in figures}
        self.bar.set_postfix(shown, refresh=False)
        self.bar.update(done - self.bar.n)


def print_summary(summary: dict[str, Any]) -> None:
    """The figures as a table, and what was left out of them."""
    told = summary["configuration"]
    asked = f" ({told['questions']})" if "questions" in told else ""
    print(
        f"{told['data']} {told['split']}{asked}: {summary['expressions']} expressions about "
        f"{summary['images']} images"
    )
    what = "predictions" if told["system"] == "predictions" else "proposals"
    if summary["without_proposals"]:
        fate = "left out" if summary["left_out"] else "counted as IoU 0"
        print(f"{summary['without_proposals']} expressions without {what}: {fate}")
    if summary["missing_images"]["count"]:
        print(f"{summary['missing_images']['count']} images missing: left out")
    print("\n| figure | % | 95 % interval |\n|---|---|---|")
    for name, figure in summary["figures"].items():
        value, low, high = (100 * figure[key] for key in ("value", "low", "high"))
        print(f"| {name} | {value:.2f} | {low:.2f} to {high:.2f} |")
    print()


def _system(args: argparse.Namespace, images: tuple[str, ...]) -> tuple[Segmenter, ProposalSource]:
    """The segmenter, and where its proposals come from."""
    from refmask.evaluation.sources import INSTANCES, MASKS, Instances, MaskFiles, Proposed

    refine = refinement(args)
    made = args.proposals != INSTANCES and not args.proposals.startswith(MASKS)
    if made:
        segmenter = load_segmenter(args, args.proposals, args.store, refine, args.store_limit)
        return segmenter, Proposed(segmenter.proposer)
    if args.proposals == INSTANCES:
        source: ProposalSource = Instances(refine)
    else:
        source = MaskFiles(args.proposals, images, refine)
    # The proposer is a stand-in, which is never asked.
    return load_segmenter(args, "grouping", args.store, None, args.store_limit), source
