"""Options that several commands share, and the system they describe."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from refmask.cli.choosing import settle, tell
from refmask.errors import ConfigurationError
from refmask.limits import STORE

if TYPE_CHECKING:
    from refmask.proposals.refine import Refinement
    from refmask.segmenter import Segmenter


def add_system_options(parser: argparse.ArgumentParser) -> None:
    """Model, method and parser; what is not given, ``cli.choosing`` takes from elsewhere."""
    model = parser.add_argument_group(
        "model", "REFMASK_MODEL and so on, or the file that 'refmask setup' names, set defaults"
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
        help="approximate, to save time: local features only for the M masks that fit an "
        "expression best by the global ones (global-local; class-posterior, where it is 28)",
    )
    method.add_argument(
        "--terms",
        help="what else is weighed: auto (default: colour for the model offline, else none), all, "
        "none, or some of place, order, size, depth, edge, relation and colour, with weights such "
        "as colour:weight=2",
    )
    method.add_argument("--parser", help="'embedded' (default) or an installed spaCy pipeline")
    method.add_argument(
        "--compat",
        choices=("default", "reference"),
        help="reference: the released code's arithmetic, number for number, in fp32",
    )


def add_store_limit(parser: argparse.ArgumentParser) -> None:
    """How large the features in a store may become."""
    parser.add_argument(
        "--store-limit",
        default=STORE,
        metavar="SIZE",
        help=f"of the features in the store, such as 500MB (default {STORE}): least recently used "
        "ones are deleted first, masks are kept",
    )


def add_refinement_options(parser: argparse.ArgumentParser) -> None:
    """A store, and what is done with proposals before they are used."""
    group = parser.add_argument_group("proposals")
    group.add_argument("--store", metavar="DIR", help="cache masks and features there")
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
        help="drop a mask whose IoU with a better one is larger",
    )
    group.add_argument("--limit", type=int, metavar="N", help="keep the N best masks")
    group.add_argument(
        "--parts",
        default="together",
        choices=("together", "largest", "split"),
        help="of masks of several connected parts",
    )


def refinement(args: argparse.Namespace) -> Refinement:
    """What the options say should be done with proposals."""
    from refmask.proposals.refine import Refinement

    return Refinement(
        min_area=args.min_area,
        max_area=args.max_area,
        duplicates=args.duplicates,
        limit=args.limit,
        parts=args.parts,
    )


def add_looking_options(parser: argparse.ArgumentParser) -> None:
    """All of a system that looks at any image by itself."""
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


def check_looking(args: argparse.Namespace) -> None:
    """Settle the model; raise ConfigurationError for masks of one image where any may come."""
    settle(args)
    if args.proposals.startswith("masks:"):
        raise ConfigurationError(
            "expected --proposals that make masks for any image, got given masks, which "
            "'refmask segment' and 'refmask evaluate' take; choose another"
        )


def load_looking(args: argparse.Namespace) -> Segmenter:
    """The system that ``add_looking_options`` describe."""
    check_looking(args)
    return load_segmenter(args, args.proposals, args.store, refinement(args), args.store_limit)


def load_segmenter(
    args: argparse.Namespace,
    proposals: str,
    store: str | None = None,
    refinement: Refinement | None = None,
    store_limit: str = STORE,
) -> Segmenter:
    """The system that the options describe; the user is told which model it is."""
    from refmask.cli.progress import steps
    from refmask.settings import OPTIONS
    from refmask.settings.levels import blamed

    settle(args)
    settings = {name: getattr(args, name) for name in OPTIONS} | {"proposals": proposals}
    with steps("loading the model"), blamed(args.said):
        from refmask.factory import load

        made = load(**settings, store=store, store_limit=store_limit, refinement=refinement)
    tell(args)
    return made
