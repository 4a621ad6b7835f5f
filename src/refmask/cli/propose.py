"""``refmask propose``: mask proposals of images, kept, drawn or compared with ground truth."""

from __future__ import annotations

import argparse
import json
import sys
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from refmask.cli.faults import net
from refmask.cli.hints import as_options
from refmask.cli.options import add_refinement_options, refinement
from refmask.errors import ConfigurationError, InputError

if TYPE_CHECKING:
    from refmask.types import MaskProposals, MaskProposer

#: The shipped scenes, where images are named.
SCENES = "scenes"
FIGURES = {
    "mean_best_iou": ("mean best IoU", "{:.3f}"),
    "mean_best_iou_1_percent": ("at least 1 %", "{:.3f}"),
    "mean_best_iou_small": ("small", "{:.3f}"),
    "mean_best_iou_medium": ("medium", "{:.3f}"),
    "mean_best_iou_large": ("large", "{:.3f}"),
    "recall_50": ("recall@0.5", "{:.3f}"),
    "recall_75": ("recall@0.75", "{:.3f}"),
    "masks_per_image": ("masks / image", "{:.1f}"),
    "seconds_per_image": ("s / image", "{:.2f}"),
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument(
        "images",
        metavar="IMAGE",
        nargs="+",
        help="images, folders or quoted globs; for --report also 'scenes' (the shipped ones), a "
        "folder of further ones, or one of instances.json in COCO's format and images/",
    )
    parser.add_argument(
        "--proposals",
        action="append",
        metavar="SPEC",
        help="auto (default: as 'refmask segment'), photo, grouping, freesolo, sam, sam2, "
        "freemask, maskcut, masks:PATH or store:PATH; settings as NAME:key=value,key=value; "
        "several for --report",
    )
    parser.add_argument("--weights", metavar="FILE", help="the proposer's weights")
    parser.add_argument("--device", help="auto (default), cpu, cuda, ...")
    parser.add_argument("--precision", choices=("auto", "fp32", "bf16"))
    parser.add_argument(
        "--compat",
        choices=("default", "reference"),
        help="reference: images enter the proposer as in the paper's released code, in fp32",
    )
    parser.add_argument(
        "--out",
        metavar="PATH",
        help="an .npz file for one image (or one each, with {stem} in PATH), else a store for "
        "all of them",
    )
    parser.add_argument("--draw", metavar="DIR", help="draw each image's proposals there")
    parser.add_argument(
        "--report", action="store_true", help="compare proposers with ground truth, side by side"
    )
    parser.add_argument(
        "--truth",
        metavar="PATH",
        help="ground-truth masks for --report, as masks:PATH takes them; {stem} stands for the "
        "image's name",
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument("--first", type=int, metavar="N", help="take the first N images only")
    add_refinement_options(parser)


def run(args: argparse.Namespace) -> int:
    """Report, or propose for every image; a bad image does not stop the rest."""
    from refmask.settings import AUTO, choose

    # As a system proposes that is asked about these images.
    specs = [
        choose(scenes=SCENES in args.images).proposals if spec == AUTO else spec
        for spec in args.proposals or [AUTO]
    ]
    _check(args, specs)
    if args.report:
        return _report(args, specs)
    return _propose(args, specs[0])


def _check(args: argparse.Namespace, specs: list[str]) -> None:
    """Tell options that contradict each other before anything is read."""
    faults = []
    if not (args.report or args.out or args.draw):
        faults.append("say what to do: --out, --draw or --report")
    if args.report and (args.out or args.draw):
        faults.append("--report writes no masks: leave --out and --draw out")
    if args.truth and not args.report:
        faults.append("--truth is for --report")
    if args.compat == "reference" and args.precision == "bf16":
        faults.append("compat 'reference' computes in fp32, leave --precision out")
    if args.first is not None and args.first < 1:
        faults.append(f"expected --first of at least 1, got {args.first}")
    if len(specs) > 1 and not args.report:
        faults.append("several --proposals are for --report")
    if len(specs) > 1 and args.weights:
        faults.append("name each proposer's own weights: --proposals NAME:weights=FILE")
    if _is_store(args.out) and args.store:
        faults.append("--out DIR is a store already: leave --store out")
    if _is_store(args.out) and _refines(args):
        faults.append(
            "a store keeps all masks of a proposer: leave --min-area, --limit and the like to the "
            "command that reads it"
        )
    if faults:
        raise ConfigurationError("; ".join(faults))


def _is_store(out: str | None) -> bool:
    return out is not None and Path(out).suffix != ".npz"


def _refines(args: argparse.Namespace) -> bool:
    from refmask.proposals.refine import Refinement

    return refinement(args) != Refinement()


def _proposer(args: argparse.Namespace, spec: str, stem: str | None = None) -> MaskProposer:
    from refmask import compat
    from refmask.factory import wrap_proposer
    from refmask.proposals import load_proposer, shared

    record = compat.by_name(args.compat, "vit")
    precision = args.precision if args.compat == "default" else "fp32"
    settings: dict[str, Any] = {"weights": args.weights} if args.weights else {}
    defaults = shared(args.device, precision, record.uncapped_proposals)
    proposer = load_proposer(spec, stem, settings=settings, defaults=defaults)
    return wrap_proposer(
        proposer, args.out if _is_store(args.out) else args.store, refinement(args)
    )


def _propose(args: argparse.Namespace, spec: str) -> int:
    from tqdm import tqdm

    from refmask.export.folder import image_folders
    from refmask.ops.finding import find_images
    from refmask.ops.images import read_image

    images = [path for place in args.images for path in find_images(place)][: args.first]
    if args.out and not _is_store(args.out) and "{stem}" not in args.out and len(images) > 1:
        raise ConfigurationError(
            f"{len(images)} images do not fit into one file; name a folder as --out, or put "
            "{stem} into the file's name"
        )
    # Given masks are looked up by the image's name.
    proposer = None if spec.startswith("masks:") else _proposer(args, spec)
    failed = 0
    bar = tqdm(images, unit="image", disable=len(images) == 1 or not sys.stderr.isatty())
    for path, name in zip(bar, image_folders(images), strict=True):
        try:
            with net(path):
                image = read_image(path)
                found = (proposer or _proposer(args, spec, path.stem)).propose(image)
        except InputError as error:
            failed += 1
            tqdm.write(f"refmask: error: {as_options(error)}", file=sys.stderr)
            continue
        tqdm.write(f"{path}: {len(found)} masks{_write(args, name, image, found)}")
    return 0 if not failed else 2 if failed == len(images) else 1


def _write(args: argparse.Namespace, name: str, image: Any, found: MaskProposals) -> str:
    """Write what is asked for by an image's name; returns where, for the message."""
    from refmask.export.proposals import npz
    from refmask.ops.files import write_whole
    from refmask.visualize.overlay import png
    from refmask.visualize.proposals import draw

    places = []
    if args.out and _is_store(args.out):
        places.append(args.out)
    elif args.out:
        places.append(args.out.replace("{stem}", name))
        write_whole(Path(places[-1]), npz(found))
    if args.draw:
        places.append(str(Path(args.draw, f"{name}.proposals.png")))
        write_whole(Path(places[-1]), png(draw(image, found)))
    return "".join(f" -> {place}" for place in places)


def _report(args: argparse.Namespace, specs: list[str]) -> int:
    from tqdm import tqdm

    from refmask.evaluation.proposal_report import compare, read_truth

    proposers = {spec: _proposer(args, spec) for spec in specs}
    truth = islice(read_truth(args.images, args.truth), args.first)
    bar = tqdm(truth, unit="image", disable=not sys.stderr.isatty())
    figures = compare(proposers, bar)
    if args.json:
        print(json.dumps(figures))
        return 0
    some = next(iter(figures.values()))
    print(f"{some['images']} images, {some['things']} things\n")
    print("| proposals | " + " | ".join(name for name, _ in FIGURES.values()) + " |")
    print("|---" * (len(FIGURES) + 1) + "|")
    for spec, values in figures.items():
        cells = [
            "none" if values[key] is None else form.format(values[key])
            for key, (_, form) in FIGURES.items()
        ]
        print(f"| {spec} | " + " | ".join(cells) + " |")
    return 0
