"""``refmask propose``: make mask proposals; write, draw, or compare them with ground truth."""

from __future__ import annotations

import argparse
import json
import sys
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from refmask.cli.faults import one_line
from refmask.cli.hints import as_options
from refmask.cli.options import add_refinement_options, refinement
from refmask.errors import ConfigurationError, InputError

if TYPE_CHECKING:
    from refmask.types import MaskProposals, MaskProposer

#: Name of the shipped scenes among the images.
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
        help="images, folders or quoted globs; for --report also 'scenes' (shipped), a folder of "
        "further scenes, or one with instances.json in COCO's format and images/",
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
        help="reference: preprocess images as the paper's released code, in fp32",
    )
    parser.add_argument(
        "--out",
        metavar="PATH",
        help="an .npz file for one image (or for each, with {stem} in PATH), or a folder: a store "
        "for all images",
    )
    parser.add_argument("--draw", metavar="DIR", help="draw each image's proposals to this folder")
    parser.add_argument(
        "--report", action="store_true", help="compare proposers with ground truth, side by side"
    )
    parser.add_argument(
        "--truth",
        metavar="PATH",
        help="ground-truth masks for --report, in the formats of masks:PATH; {stem} stands for "
        "the image's name",
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument("--first", type=int, metavar="N", help="use the first N images only")
    add_refinement_options(parser)


def run(args: argparse.Namespace) -> int:
    """Report, or propose for every image; a bad image does not stop the rest."""
    from refmask.settings import AUTO, choose

    # "auto" proposes as 'refmask segment' does.
    specs = [
        choose(scenes=SCENES in args.images).proposals if spec == AUTO else spec
        for spec in args.proposals or [AUTO]
    ]
    _check(args, specs)
    if args.report:
        return _report(args, specs)
    return _propose(args, specs[0])


def _check(args: argparse.Namespace, specs: list[str]) -> None:
    """Raise ConfigurationError for contradicting options, before anything is read."""
    faults = []
    if not (args.report or args.out or args.draw):
        faults.append("nothing to do; add --out, --draw or --report")
    if args.report and (args.out or args.draw):
        faults.append("--report writes no masks; leave out --out and --draw")
    if args.truth and not args.report:
        faults.append("--truth needs --report")
    if args.compat == "reference" and args.precision == "bf16":
        faults.append("--compat reference computes in fp32; leave out --precision")
    if args.first is not None and args.first < 1:
        faults.append(f"--first {args.first} is too small; give 1 or more")
    if len(specs) > 1 and not args.report:
        faults.append("several --proposals need --report")
    if len(specs) > 1 and args.weights:
        faults.append("--weights fits one proposer; use --proposals NAME:weights=FILE")
    if _is_store(args.out) and args.store:
        faults.append("--out DIR is a store itself; leave out --store")
    if _is_store(args.out) and _refines(args):
        faults.append(
            "a store keeps all masks of a proposer; use --min-area, --limit and so on with the "
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

    images = [path for source in args.images for path in find_images(source)][: args.first]
    if args.out and not _is_store(args.out) and "{stem}" not in args.out and len(images) > 1:
        raise ConfigurationError(
            f"{len(images)} images do not fit into one file; give a folder as --out, or put "
            "{stem} into the file's name"
        )
    # Given masks belong to an image's name.
    proposer = None if spec.startswith("masks:") else _proposer(args, spec)
    failed = 0
    bar = tqdm(images, unit="image", disable=len(images) == 1 or not sys.stderr.isatty())
    for path, name in zip(bar, image_folders(images), strict=True):
        try:
            with one_line(path):
                image = read_image(path)
                proposals = (proposer or _proposer(args, spec, path.stem)).propose(image)
        except InputError as error:
            failed += 1
            tqdm.write(f"refmask: error: {as_options(error)}", file=sys.stderr)
            continue
        tqdm.write(f"{path}: {len(proposals)} masks{_write(args, name, image, proposals)}")
    return 0 if not failed else 2 if failed == len(images) else 1


def _write(args: argparse.Namespace, name: str, image: Any, proposals: MaskProposals) -> str:
    """Write and draw one image's proposals; returns the paths, for the message."""
    from refmask.export.proposals import npz
    from refmask.ops.files import write_whole
    from refmask.visualize.overlay import png
    from refmask.visualize.proposals import draw

    paths = []
    if args.out and _is_store(args.out):
        paths.append(args.out)
    elif args.out:
        paths.append(args.out.replace("{stem}", name))
        write_whole(Path(paths[-1]), npz(proposals))
    if args.draw:
        paths.append(str(Path(args.draw, f"{name}.proposals.png")))
        write_whole(Path(paths[-1]), png(draw(image, proposals)))
    return "".join(f" -> {path}" for path in paths)


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
    first = next(iter(figures.values()))
    print(f"{first['images']} images, {first['things']} ground-truth masks\n")
    print("| proposals | " + " | ".join(name for name, _ in FIGURES.values()) + " |")
    print("|---" * (len(FIGURES) + 1) + "|")
    for spec, values in figures.items():
        cells = [
            "none" if values[key] is None else form.format(values[key])
            for key, (_, form) in FIGURES.items()
        ]
        print(f"| {spec} | " + " | ".join(cells) + " |")
    return 0
