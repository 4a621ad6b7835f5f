"""``refmask segment``: the mask of each expression in each image."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from refmask.cli.faults import one_line
from refmask.cli.formats import add_format_options, checked_options, write_formats
from refmask.cli.hints import as_options
from refmask.cli.options import (
    add_refinement_options,
    add_store_limit,
    add_system_options,
    load_segmenter,
    refinement,
    settle,
)
from refmask.cli.setup import offer
from refmask.errors import ConfigurationError, InputError

if TYPE_CHECKING:
    from refmask.answer import Segmentation
    from refmask.export.answers import Answer
    from refmask.scene import Scene
    from refmask.segmenter import Segmenter
    from refmask.types import TargetPhrase

OUT = "refmask-out"


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("image", metavar="IMAGE", help="an image, a folder, or a quoted glob")
    parser.add_argument("expressions", metavar="EXPRESSION", nargs="+", help='"the red car"')
    parser.add_argument(
        "--proposals",
        default="auto",
        metavar="SPEC",
        help="auto (default: what fits the model), photo (photographs), grouping, freesolo, sam, "
        "sam2, freemask, maskcut, store:PATH, or masks:PATH, a folder of PNGs, .npz or COCO JSON; "
        "{stem} in PATH stands for the image's name; settings as NAME:key=value,key=value",
    )
    parser.add_argument(
        "--top", type=int, default=1, metavar="K", help="list the K best proposals in the JSON"
    )
    parser.add_argument("--out", metavar="DIR", help=f"where to write (default {OUT})")
    parser.add_argument(
        "--json",
        action="store_true",
        help="print one JSON object per answer; writes files only with --out",
    )
    add_format_options(parser)
    add_refinement_options(parser)
    add_store_limit(parser)
    add_system_options(parser)


def run(args: argparse.Namespace) -> int:
    """Answer every expression on every image; a bad image does not stop the rest."""
    from tqdm import tqdm

    from refmask.export.folder import image_folders
    from refmask.ops.files import check_writable
    from refmask.ops.finding import find_images
    from refmask.ops.reading import is_file
    from refmask.proposals import load_proposer

    if args.top < 1:
        raise ConfigurationError(f"--top {args.top} is too small; give 1 or more")
    if any(is_file(Path(text)) for text in args.expressions):
        raise ConfigurationError("an expression is the name of a file; put a glob in quotes")
    images = find_images(args.image)
    out = args.out or OUT
    options = checked_options(args, out) if args.format else None
    if args.format or args.out or not args.json:
        check_writable(Path(out))
    offer(args)
    given = settle(args).proposals.startswith("masks:")
    refine = refinement(args)

    from refmask.factory import wrap_proposer

    # Given masks belong to an image's name; see below.
    spec = "grouping" if given else args.proposals
    segmenter = load_segmenter(args, spec, args.store, refine, args.store_limit)
    phrases = segmenter.parser(args.expressions)  # raises before any image is read
    answers: list[Answer] = []
    failed = 0
    several = len(images) > 1
    bar = tqdm(images, unit="image", disable=not several or not sys.stderr.isatty())
    for image, folder in zip(bar, image_folders(images), strict=True):
        try:
            with one_line(image):
                if given:
                    proposer = wrap_proposer(
                        load_proposer(args.proposals, image.stem), None, refine
                    )
                    segmenter = dataclasses.replace(segmenter, proposer=proposer)
                scene = _encode(segmenter, image, several)
                answers += _answer(args, image, folder, scene, phrases)
        except InputError as error:
            failed += 1
            tqdm.write(f"refmask: error: {as_options(error)}", file=sys.stderr)
    if options is not None and answers:
        write_formats(args, answers, out, options)
    return 0 if not failed else 2 if failed == len(images) else 1


def _encode(segmenter: Segmenter, image: Path, several: bool) -> Scene:
    """Encode an image; show each step of a single one, as several have a progress bar."""
    from refmask.cli.progress import say, steps

    if several:
        return segmenter.look(image)
    with steps("reading the image"):
        return segmenter.look(image, tell=say)


def _answer(
    args: argparse.Namespace,
    image: Path,
    folder: str,
    scene: Scene,
    phrases: list[TargetPhrase],
) -> list[Answer]:
    """Print and write one image's answers; returns those to be exported."""
    from tqdm import tqdm

    from refmask.export.answers import Answer
    from refmask.export.folder import answer_names, write_answer

    folders = not args.format and (args.out or not args.json)
    out = args.out or OUT
    names = answer_names(args.expressions)
    answers = []
    for name, answer in zip(names, scene.find_phrases(phrases), strict=True):
        fields = {"image": str(image), **answer.to_dict(args.top)}
        where = ""
        if folders:
            drawing = write_answer(Path(out, folder), name, scene.image, answer, args.top)
            where = f" -> {drawing}"
        if args.format:
            answers.append(Answer.read(fields))
        tqdm.write(
            json.dumps(fields, ensure_ascii=False)
            if args.json
            else f"{image}: {_summary(answer)}{where}"
        )
    return answers


def _summary(answer: Segmentation) -> str:
    expression = answer.why.phrase.expression
    from refmask.why import SIMILARITY

    if not len(answer.proposals):
        return f"{expression!r}: no proposals, so no answer"
    several = f"{len(answer.chosen)} things, " if len(answer.chosen) > 1 else ""
    decided = answer.why.deciding(answer.best)
    reason = f" ({answer.reasons})" if decided not in (None, SIMILARITY) else ""
    return f"{expression!r}: {several}{answer.verdict}{reason}"
