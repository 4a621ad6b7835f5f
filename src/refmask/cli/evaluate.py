"""``refmask evaluate``: evaluate a system on a data set, with a record of every answer."""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from refmask.cli.boxes import add_box_options, run_boxes
from refmask.cli.engines import add_engine_options, cluster, in_this_folder, on_cluster
from refmask.cli.options import (
    add_refinement_options,
    add_store_limit,
    add_system_options,
    load_segmenter,
    refinement,
    settle,
)
from refmask.errors import ConfigurationError

if TYPE_CHECKING:
    from refmask.data import Dataset
    from refmask.evaluation.evaluate import Evaluation
    from refmask.evaluation.sources import ProposalSource
    from refmask.metrics import Tally
    from refmask.segmenter import Segmenter

#: The data sets of the embedded model.
SCENES = ("scenes", "gscenes")
#: Not a data set, but a file of boxes.
BOXES = "boxes"
#: Default folder of runs.
RUNS = "runs"
#: More kinds of expressions than this are in ``summary.json`` alone.
MOST_KINDS = 20


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument(
        "dataset",
        metavar="DATASET",
        help="refcoco, refcoco+, refcocog, grefcoco, phrasecut, scenes, gscenes, a folder in "
        "REFER's layout, coco (with --questions), or boxes (with --file)",
    )
    add_data_options(parser)
    parser.add_argument(
        "--proposals",
        default="auto",
        metavar="SPEC",
        help="instances (the data set's own masks; in coco, any of the category is right), or as "
        "in 'refmask segment': auto (default), grouping, freesolo, store:PATH, masks:PATH ({stem} "
        "stands for the image's id), ...",
    )
    add_run_options(parser)
    add_box_options(parser)
    add_engine_options(parser)
    add_refinement_options(parser)
    add_store_limit(parser)
    add_system_options(parser)


def add_data_options(parser: argparse.ArgumentParser) -> None:
    """Add options of the split and its files."""
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
        help="for coco, which has no expressions: categories queries each category with one "
        "instance in the image, of at least 1 %% of its area",
    )
    group.add_argument("--first", type=int, metavar="N", help="evaluate the first N images only")


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Add options of the run: its folder, missing images, workers."""
    group = parser.add_argument_group("run")
    group.add_argument(
        "--out",
        type=Path,
        metavar="RUN",
        help=f"the run's folder (default: {RUNS}/, named by data, system and settings); an "
        "interrupted run resumes",
    )
    group.add_argument(
        "--missing",
        default="stop",
        choices=("stop", "skip"),
        help="at images that cannot be read: stop (default) or skip them",
    )
    group.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="images at once, one core each (default: all cores, at most 16; 4 on a GPU); "
        "records do not depend on it",
    )


def run(args: argparse.Namespace) -> int:
    """Evaluate; print the metrics and the folder of the records."""
    check_first(args)
    if args.dataset == BOXES:
        return run_boxes(args)
    evaluation, segmenter = _evaluation(args)
    if on_cluster(args):
        from refmask.batch.on_ray import RecordsOnRay

        build = in_this_folder(partial(_rebuild, args))
        on_ray = RecordsOnRay(build, evaluation.configuration, cluster(args, segmenter))
        evaluation = replace(evaluation, remote=on_ray)
    return evaluate(args, evaluation, evaluation.configuration["method"])


def _evaluation(args: argparse.Namespace) -> tuple[Evaluation, Segmenter]:
    """The evaluation that the options describe, and its segmenter."""
    from refmask.evaluation.sources import INSTANCES

    settle(args, scenes=args.dataset in SCENES)
    dataset = load_data(args, args.dataset, among_instances=args.proposals == INSTANCES)

    from refmask.evaluation.system import SegmenterSystem

    segmenter, source = _system(args, dataset.ids[: args.first])
    return evaluation_of(args, dataset, SegmenterSystem(segmenter, source)), segmenter


def _rebuild(args: argparse.Namespace) -> Evaluation:
    """The same evaluation in another process."""
    return _evaluation(args)[0]


def evaluation_of(args: argparse.Namespace, dataset: Dataset, system: Any) -> Evaluation:
    """The evaluation of a system on a split.

    Args:
        args: with ``add_data_options`` and ``add_run_options``.
        dataset: the split.
        system: a ``refmask.evaluation.system.System``.
    """
    from refmask.evaluation.evaluate import Evaluation

    return Evaluation(dataset, system, args.first, args.missing, args.workers)


def check_first(args: argparse.Namespace) -> None:
    """Raise ConfigurationError for a number of images below 1."""
    if args.first is not None and args.first < 1:
        raise ConfigurationError(f"--first {args.first} is too small; give 1 or more")


def load_data(args: argparse.Namespace, name: str, among_instances: bool = False) -> Dataset:
    """Load the split that the options name, by the rules of ``--compat``.

    Args:
        args: with ``add_data_options`` and "compat".
        name: of the data set.
        among_instances: the proposals are the data set's own masks.

    Raises:
        ConfigurationError: when the split does not exist, or it has no expressions and
            ``--questions`` is missing.
    """
    from refmask import compat
    from refmask.data import load_dataset
    from refmask.data.choice import CHOICES

    if name == "coco" and args.questions is None:
        raise ConfigurationError("coco has no expressions; add --questions categories")
    questions = CHOICES if args.questions and among_instances else args.questions
    record = compat.by_name(args.compat, "vit")  # the field is the same for all towers
    return load_dataset(
        name,
        args.split,
        args.root,
        split_by=args.split_by,
        subset=args.subset,
        overlap_is_background=record.overlap_is_background,
        questions=questions,
    )


def evaluate(args: argparse.Namespace, evaluation: Evaluation, name: str) -> int:
    """Run an evaluation, show progress and metrics so far, print the summary.

    Args:
        args: with ``add_run_options``.
        evaluation: to be run.
        name: of the system, for the run's folder.
    """
    from tqdm import tqdm

    dataset, mark = evaluation.dataset, evaluation.configuration.short
    folder = args.out or Path(RUNS, f"{dataset.name}-{dataset.split}-{name}-{mark}")
    bar: Any = None
    with ExitStack() as stack:

        def report(done: int, tally: Tally) -> None:
            nonlocal bar
            if bar is None:  # images of a resumed run come with the first call
                off, total = not sys.stderr.isatty(), len(evaluation.images)
                bar = stack.enter_context(
                    tqdm(total=total, initial=done, unit="image", disable=off)
                )
            metrics = tally.metrics()
            shown = {name: f"{metrics[name]:.2%}" for name in ("oIoU", "mIoU") if name in metrics}
            bar.set_postfix(shown, refresh=False)
            bar.update(done - bar.n)

        summary = evaluation.run(folder, report)
    _print_summary(summary)
    print(f"records and summary in {folder}")
    return 1 if summary["missing_images"]["count"] else 0


def _print_summary(summary: dict[str, Any]) -> None:
    """Print the metrics as a table, and the expressions and images left out of them."""
    settings = summary["configuration"]
    questions = f" ({settings['questions']})" if "questions" in settings else ""
    print(
        f"{settings['data']} {settings['split']}{questions}: {summary['expressions']} expressions "
        f"about {summary['images']} images"
    )
    masks = "predictions" if settings["system"] == "predictions" else "proposals"
    if summary["without_proposals"]:
        effect = "left out" if summary["left_out"] else "counted as IoU 0"
        print(f"{summary['without_proposals']} expressions without {masks}: {effect}")
    if summary["missing_images"]["count"]:
        print(f"{summary['missing_images']['count']} images missing: left out")
    print("\n| figure | % | 95 % interval |\n|---|---|---|")
    for name, figure in summary["figures"].items():
        value, low, high = (100 * figure[key] for key in ("value", "low", "high"))
        print(f"| {name} | {value:.2f} | {low:.2f} to {high:.2f} |")
    print()
    if 0 < len(summary["by_kind"]) <= MOST_KINDS:
        _print_kinds(summary["by_kind"])


def _print_kinds(kinds: dict[str, Any]) -> None:
    """Print how many expressions of each kind are answered right: by IoU, by none, by each thing.

    An answer is right at an IoU of 0.5; of expressions about nothing no answer is.
    """
    columns = {"right": "Pr@0.5", "N-acc": "N-acc", "instance F1": "instance F1"}
    shown = {
        title: name
        for title, name in columns.items()
        if any(name in group["figures"] for group in kinds.values())
    }
    print(f"| kind | expressions | {' | '.join(f'{title} %' for title in shown)} |")
    print("|---" * (2 + len(shown)) + "|")
    for kind, group in kinds.items():
        figures = group["figures"]
        if "N-acc" in figures and "T-acc" not in figures:
            figures = {"N-acc": figures["N-acc"]}
        cells = [
            f"{100 * figures[name]['value']:.2f}" if name in figures else "-"
            for name in shown.values()
        ]
        print(f"| {kind} | {group['expressions']} | {' | '.join(cells)} |")
    print()


def _system(args: argparse.Namespace, images: tuple[str, ...]) -> tuple[Segmenter, ProposalSource]:
    """The segmenter, and the source of its proposals."""
    from refmask.evaluation.sources import INSTANCES, MASKS, Instances, MaskFiles, Proposed

    refine = refinement(args)
    if args.proposals != INSTANCES and not args.proposals.startswith(MASKS):
        segmenter = load_segmenter(args, args.proposals, args.store, refine, args.store_limit)
        return segmenter, Proposed(segmenter.proposer)
    if args.proposals == INSTANCES:
        source: ProposalSource = Instances(refine)
    else:
        source = MaskFiles(args.proposals, images, refine)
    # The segmenter's own proposer stays unused.
    return load_segmenter(args, "grouping", args.store, None, args.store_limit), source
