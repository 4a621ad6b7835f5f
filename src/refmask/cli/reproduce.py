"""``refmask reproduce``: the paper's tables and figures, on its data or on the shipped scenes."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from refmask.cli.options import add_store_limit
from refmask.errors import ConfigurationError

#: Model name that leaves an image tower out.
NONE = "none"


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    from refmask.reproduce import EXPERIMENTS

    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = "tables and figures:\n" + "\n".join(
        f"  {name:14} {purpose}" for name, (_, purpose) in EXPERIMENTS.items()
    )
    parser.add_argument("name", metavar="NAME", nargs="+", help="tables and figures, or 'all'")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument(
        "--data-root", type=Path, metavar="DIR", help="the folder of the paper's data"
    )
    where.add_argument(
        "--data", choices=("scenes",), help="use the shipped scenes in place of the paper's data"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("reproduced"), metavar="DIR", help="default: reproduced"
    )
    parser.add_argument("--proposals", metavar="SPEC", help="default: freesolo, on scenes grouping")
    parser.add_argument(
        "--store", metavar="DIR", help="cache of proposals and features (default: in --out)"
    )
    add_store_limit(parser)
    parser.add_argument(
        "--first", type=int, metavar="N", help="use the first N images of each split"
    )
    parser.add_argument("--missing", default="stop", choices=("stop", "skip"))
    for tower, example in (("vit", "ViT-B-32-quickgelu"), ("resnet", "RN50-quickgelu")):
        parser.add_argument(
            f"--{tower}",
            metavar="MODEL",
            help=f"or 'none'; default {example}, on scenes "
            + ("embedded" if tower == "vit" else "none"),
        )
        parser.add_argument(
            f"--{tower}-weights", metavar="WEIGHTS", help=f"of --{tower}: a tag or a file"
        )
    parser.add_argument(
        "--also-vit",
        action="append",
        default=[],
        metavar="MODEL[=WEIGHTS]",
        help="another vision transformer for fig12; may be repeated",
    )
    parser.add_argument(
        "--prediction",
        action="append",
        default=[],
        metavar="NAME=FILE",
        help="masks of another system, as for 'refmask score': for table1 ({dataset}, {split} and "
        "{split_by} in FILE stand for the column's) or, as NAME@K, for fig4; may be repeated",
    )
    parser.add_argument("--compat", choices=("default", "reference"))
    parser.add_argument("--parser")
    parser.add_argument("--device")
    parser.add_argument("--precision", choices=("auto", "fp32", "bf16"))


def run(args: argparse.Namespace) -> int:
    """Make the tables and figures; print their files."""
    from refmask.cli.places import check_model
    from refmask.reproduce import EXPERIMENTS, make

    names = list(EXPERIMENTS) if args.name == ["all"] else args.name
    unknown = [name for name in names if name not in EXPERIMENTS]
    if unknown:
        raise ConfigurationError(
            f"unknown table or figure '{unknown[0]}'; choose from {', '.join(EXPERIMENTS)}, all"
        )
    more = _more_vits(args.also_vit)
    named = ((args.vit, args.vit_weights), (args.resnet, args.resnet_weights), *more.values())
    for model, weights in named:
        if model and model != NONE:
            check_model(model, weights)

    from refmask.reproduce.context import ExperimentContext

    models = _models(args)
    titles = ", ".join(" ".join(filter(None, pair)) for pair in models.values())
    print(f"refmask: model: {titles}", file=sys.stderr)
    context = ExperimentContext(
        out=args.out,
        root=args.data_root,
        models=models,
        more_vits=more,
        proposals=args.proposals,
        store=args.store,
        store_limit=args.store_limit,
        first=args.first,
        missing=args.missing,
        compat=args.compat,
        parser=args.parser,
        device=args.device,
        precision=args.precision,
        predictions=_predictions(args.prediction),
    )
    for name in names:
        for path in make(name, context):
            print(path)
    return 0


def _models(args: argparse.Namespace) -> dict[str, tuple[str, str | None]]:
    """Model and weights by image tower."""
    from refmask.reproduce.context import PAPER_MODELS, RESNET, VIT

    if args.data_root is None:
        defaults: dict[str, tuple[str, str | None]] = {VIT: ("embedded", None)}
    else:
        defaults = {tower: (model, "openai") for tower, model in PAPER_MODELS.items()}
    options = {VIT: (args.vit, args.vit_weights), RESNET: (args.resnet, args.resnet_weights)}
    models = defaults | {
        tower: (name, weights) for tower, (name, weights) in options.items() if name
    }
    return {tower: pair for tower, pair in models.items() if pair[0] != NONE}


def _more_vits(options: list[str]) -> dict[str, tuple[str, str | None]]:
    """Model and weights by their name in a figure."""
    parts = (text.partition("=") for text in options)
    pairs = [(model, weights or None) for model, _, weights in parts]
    return {" ".join(Path(part).name for part in pair if part is not None): pair for pair in pairs}


def _predictions(options: list[str]) -> dict[str, Path]:
    wrong = [text for text in options if "=" not in text]
    if wrong:
        raise ConfigurationError(f"--prediction '{wrong[0]}' has no '='; write NAME=FILE")
    pairs = (text.partition("=") for text in options)
    return {name: Path(path) for name, _, path in pairs}
