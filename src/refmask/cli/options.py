"""Options that several commands share: their defaults, the choice of the model, the segmenter."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from refmask.errors import ConfigurationError
from refmask.limits import STORE

if TYPE_CHECKING:
    from refmask.proposals.refine import Refinement
    from refmask.segmenter import Segmenter
    from refmask.settings import Choice


def add_system_options(parser: argparse.ArgumentParser) -> None:
    """Add options of model, method and parser; ``complete`` and ``settle`` fill in defaults."""
    model = parser.add_argument_group(
        "model", "defaults: REFMASK_MODEL and so on, else the file that 'refmask setup' shows"
    )
    model.add_argument(
        "--model",
        default="auto",
        help="auto (default: what 'refmask setup' remembered, recommended weights in the cache, "
        "or offline), offline (a preview for photographs), embedded (emoji scenes only), an "
        "open_clip model name such as ViT-B-32-quickgelu, hf-hub:ORG/REPO, or a folder or JSON "
        "file in open_clip's model-config format",
    )
    model.add_argument(
        "--weights",
        help="a pretrained tag such as 'openai', hf-hub:ORG/REPO, or a .safetensors, .pt or .bin "
        "file; by default the model's own",
    )
    model.add_argument("--device", help="auto (default), cpu, cuda, ...")
    model.add_argument("--precision", choices=("auto", "fp32", "bf16"), help="of features")
    method = parser.add_argument_group("method")
    method.add_argument(
        "--method",
        help="auto (default: global-local, or class-posterior for the model offline), cropping, "
        "global, region-token (vision transformers), score-map or grad-cam (ResNets)",
    )
    method.add_argument(
        "--preset", help="the paper's blend for refcoco, refcoco+, refcocog or phrasecut"
    )
    method.add_argument("--alpha", type=float, help="weight of the global visual feature, 0 to 1")
    method.add_argument("--beta", type=float, help="weight of the whole expression, 0 to 1")
    method.add_argument("--mask-layers", type=int, metavar="K", help="masked blocks of a ViT")
    method.add_argument(
        "--local-top",
        type=int,
        metavar="M",
        help="faster, approximate: local features only for the M masks whose global features fit "
        "an expression best (global-local; class-posterior, default 28)",
    )
    method.add_argument(
        "--terms",
        help="additional evidence: auto (default: all; none with --compat reference), all, none, "
        "or some of place, order, size, depth, edge, relation, exclusion and colour, with weights "
        "such as colour:weight=2",
    )
    method.add_argument(
        "--answers",
        choices=("auto", "one", "all"),
        help="how many things an answer is: auto (default: what the phrase asks for and the image "
        "has: one, several or none), one (always), all (every thing that fits)",
    )
    method.add_argument(
        "--all", dest="answers", action="store_const", const="all", help="short for --answers all"
    )
    method.add_argument("--parser", help="'embedded' (default) or an installed spaCy pipeline")
    method.add_argument(
        "--compat",
        choices=("default", "reference"),
        help="reference: the released code's arithmetic, number for number, in fp32",
    )


def add_store_limit(parser: argparse.ArgumentParser) -> None:
    """Add the limit of the features in a store."""
    parser.add_argument(
        "--store-limit",
        default=STORE,
        metavar="SIZE",
        help=f"of the features in the store, such as 500MB (default {STORE}); the least recently "
        "used are deleted first, masks are kept",
    )


def add_refinement_options(parser: argparse.ArgumentParser) -> None:
    """Add the store, and the filters of proposals."""
    group = parser.add_argument_group("proposals")
    group.add_argument("--store", metavar="DIR", help="cache masks and features in this folder")
    group.add_argument(
        "--min-area", type=float, default=0.0, metavar="SHARE", help="of the image, 0 to 1"
    )
    group.add_argument(
        "--max-area", type=float, default=1.0, metavar="SHARE", help="of the image, 0 to 1"
    )
    group.add_argument(
        "--duplicates",
        type=float,
        metavar="IOU",
        help="drop masks whose IoU with a better one is above IOU",
    )
    group.add_argument("--limit", type=int, metavar="N", help="keep the N best masks")
    group.add_argument(
        "--parts",
        default="together",
        choices=("together", "largest", "split"),
        help="how to treat masks of several connected parts",
    )


def refinement(args: argparse.Namespace) -> Refinement:
    """The filters of proposals that the options set."""
    from refmask.proposals.refine import Refinement

    return Refinement(
        min_area=args.min_area,
        max_area=args.max_area,
        duplicates=args.duplicates,
        limit=args.limit,
        parts=args.parts,
    )


def add_segmenter_options(parser: argparse.ArgumentParser) -> None:
    """Add all options of a segmenter that proposes its own masks."""
    parser.add_argument(
        "--proposals",
        default="auto",
        metavar="SPEC",
        help="auto (default: what fits the model), photo (photographs), grouping, freesolo, sam, "
        "sam2, freemask, maskcut or store:PATH; settings as NAME:key=value,key=value",
    )
    add_refinement_options(parser)
    add_store_limit(parser)
    add_system_options(parser)


def check_segmenter_options(args: argparse.Namespace) -> None:
    """Settle the model; raise ConfigurationError for given masks, which fit one image only."""
    settle(args)
    if args.proposals.startswith("masks:"):
        raise ConfigurationError(
            "given masks (masks:PATH) work with 'refmask segment' and 'refmask evaluate' only; "
            "choose --proposals that make masks for any image"
        )


def build_segmenter(args: argparse.Namespace) -> Segmenter:
    """The segmenter that the options of ``add_segmenter_options`` describe."""
    check_segmenter_options(args)
    return load_segmenter(args, args.proposals, args.store, refinement(args), args.store_limit)


def complete(args: argparse.Namespace) -> None:
    """Set missing options from the environment or the configuration file.

    All options but model, weights and proposals, which ``settle`` sets. ``args.settings`` keeps
    the source of each, for ``naming_sources``.

    Raises:
        ConfigurationError: when the environment or the configuration file is invalid.
    """
    from refmask.settings import OPTIONS, resolve
    from refmask.settings.choice import NAMES

    names = [name for name in vars(args) if name in OPTIONS]
    if names:
        args.settings = resolve(vars(args), names)
        for name in set(names).difference(NAMES):
            setattr(args, name, args.settings[name].value)


def chosen(args: argparse.Namespace, *, scenes: bool = False) -> Choice:
    """The model and proposals that ``settle`` would set."""
    from refmask.settings import AUTO, choose

    return choose(args.model, args.weights, getattr(args, "proposals", AUTO), scenes=scenes)


def settle(args: argparse.Namespace, *, scenes: bool = False) -> Choice:
    """Set model, weights and proposals in ``args``, once.

    Args:
        args: with ``add_system_options``.
        scenes: the images are emoji scenes.

    Raises:
        ConfigurationError: when the environment or the configuration file is invalid.
        ModelError: when a model's configuration is invalid.
        WeightsError: when weights are no file, or a remembered file is missing or changed.
    """
    if "choice" not in args:
        from refmask.cli.places import GIVEN, check_model, check_proposals
        from refmask.settings.precedence import naming_sources

        args.choice = choice = chosen(args, scenes=scenes)
        with naming_sources(args.settings):
            check_model(choice.model, choice.weights)
            if not choice.proposals.startswith(GIVEN):  # else ``check_places`` has checked them
                check_proposals(choice.proposals)
        args.model, args.weights, args.proposals = choice.model, choice.weights, choice.proposals
    settled: Choice = args.choice
    return settled


def load_segmenter(
    args: argparse.Namespace,
    proposals: str,
    store: str | None = None,
    refinement: Refinement | None = None,
    store_limit: str = STORE,
) -> Segmenter:
    """Load the segmenter that the options describe, and tell the user its model."""
    from refmask.cli.progress import steps
    from refmask.settings import OPTIONS
    from refmask.settings.precedence import naming_sources

    settle(args)
    settings = {name: getattr(args, name) for name in OPTIONS} | {"proposals": proposals}
    with steps("loading the model"), naming_sources(args.settings):
        from refmask.factory import load

        segmenter = load(**settings, store=store, store_limit=store_limit, refinement=refinement)
    _print_model(args)
    return segmenter


def _print_model(args: argparse.Namespace) -> None:
    """Print once, before the first answer, which model answers and its limits."""
    line = settle(args).line
    if line is not None and "model_printed" not in args:
        print(f"refmask: model: {line}", file=sys.stderr)
    args.model_printed = True
