"""``refmask reproduce``: the paper's tables and figures, on its data or on the shipped scenes."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from refmask.cli.options import add_store_limit
from refmask.errors import ConfigurationError

#: Given as a model: go without that image tower.
NONE = "none"


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    from refmask.reproduce import EXPERIMENTS

    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = "what there is:\n" + "\n".join(
        f"  {name:14} {purpose}" for name, (_, purpose) in EXPERIMENTS.items()
    )
    parser.add_argument("name", metavar="NAME", nargs="+", help="what to make, or 'all'")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument(
        "--data-root", type=Path, metavar="DIR", help="the folder of the paper's data"
    )
    where.add_argument(
        "--data", choices=("scenes",), help="the shipped scenes stand for the paper's data"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("reproduced"), metavar="DIR", help="default: reproduced"
    )
    parser.add_argument("--proposals", metavar="SPEC", help="default: freesolo, on scenes grouping")
    parser.add_argument(
        "--store", metavar="DIR", help="keep proposals and features there, not in --out"
    )
    add_store_limit(parser)
    parser.add_argument("--first", type=int, metavar="N", help="the first N images of each split")
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
        help="a further vision transformer for fig12; may be repeated",
    )
    parser.add_argument(
        "--prediction",
        action="append",
        default=[],
        metavar="NAME=FILE",
        help="masks of another system, as 'refmask score' takes them, for table1 ({dataset}, "
        "{split} and {split_by} in FILE stand for the column's) or, as NAME@K, for fig4; may be "
        "repeated",
    )
    parser.add_argument("--compat", choices=("default", "reference"))
    parser.add_argument("--parser")
    parser.add_argument("--device")
    parser.add_argument("--precision", choices=("auto", "fp32", "bf16"))


def run(args: argparse.Namespace) -> int:
    """Make what is asked for; print the files."""
    from refmask.reproduce import EXPERIMENTS, make
    from refmask.reproduce.context import ExperimentContext

    names = list(EXPERIMENTS) if args.name == ["all"] else args.name
    foreign = [name for name in names if name not in EXPERIMENTS]
    if foreign:
        raise ConfigurationError(
            f"unknown table or figure '{foreign[0]}'; choose of: {', '.join(EXPERIMENTS)}, all"
        )
    models = _models(args)
    told = ", ".join(" ".join(filter(None, pair)) for pair in models.values())
    print(f"refmask: model: {told}", file=sys.stderr)
    setting = ExperimentContext(
        out=args.out,
        root=args.data_root,
        models=models,
        more_vits=_more_vits(args.also_vit),
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
        for path in make(name, setting):
            print(path)
    return 0


def _models(args: argparse.Namespace) -> dict[str, tuple[str, str | None]]:
    """Model and weights by image tower."""
    from refmask.reproduce.context import PAPER_MODELS, RESNET, VIT

    if args.data_root is None:
        usual: dict[str, tuple[str, str | None]] = {VIT: ("embedded", None)}
    else:
        usual = {tower: (model, "openai") for tower, model in PAPER_MODELS.items()}
    asked = {VIT: (args.vit, args.vit_weights), RESNET: (args.resnet, args.resnet_weights)}
    models = usual | {tower: (name, weights) for tower, (name, weights) in asked.items() if name}
    return {tower: pair for tower, pair in models.items() if pair[0] != NONE}


def _more_vits(given: list[str]) -> dict[str, tuple[str, str | None]]:
    """Model and weights by what a figure calls them."""
    pairs = [(model, weights or None) for model, _, weights in (t.partition("=") for t in given)]
    return {" ".join(Path(part).name for part in pair if part is not None): pair for pair in pairs}


def _predictions(given: list[str]) -> dict[str, Path]:
    wrong = [text for text in given if "=" not in text]
    if wrong:
        raise ConfigurationError(f"expected --prediction NAME=FILE, got '{wrong[0]}'")
    pairs = (text.partition("=") for text in given)
    return {name: Path(path) for name, _, path in pairs}
