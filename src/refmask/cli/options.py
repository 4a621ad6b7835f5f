"""Options that several commands share, and the system they describe."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from refmask.segmenter import Segmenter


def add_system_options(parser: argparse.ArgumentParser) -> None:
    """Model, method and parser."""
    model = parser.add_argument_group("model")
    model.add_argument(
        "--model",
        default="embedded",
        help="'embedded' (default), an open_clip model name such as ViT-B-32-quickgelu, "
        "hf-hub:ORG/REPO, or a folder or JSON file in open_clip's model-config format",
    )
    model.add_argument(
        "--weights",
        help="a pretrained tag such as 'openai', hf-hub:ORG/REPO, or a .safetensors, .pt or .bin "
        "file; by default the model's own",
    )
    model.add_argument("--device", default="auto", help="auto (default), cpu, cuda, ...")
    model.add_argument(
        "--precision", default="auto", choices=("auto", "fp32", "bf16"), help="of image features"
    )
    method = parser.add_argument_group("method")
    method.add_argument(
        "--method", default="global-local", help="global-local (default), cropping or global"
    )
    method.add_argument(
        "--preset", help="the paper's blend for refcoco, refcoco+, refcocog or phrasecut"
    )
    method.add_argument("--alpha", type=float, help="weight of the global visual feature, 0 to 1")
    method.add_argument("--beta", type=float, help="weight of the whole expression, 0 to 1")
    method.add_argument("--mask-layers", type=int, metavar="K", help="masked blocks of a ViT")
    method.add_argument(
        "--parser", default="embedded", help="'embedded' (default) or an installed spaCy pipeline"
    )
    method.add_argument(
        "--compat",
        default="default",
        choices=("default", "reference"),
        help="reference: the released code's arithmetic, number for number, in fp32",
    )


def load_segmenter(args: argparse.Namespace, proposals: str) -> Segmenter:
    """The system that the options describe."""
    from refmask.segmenter import load

    return load(
        args.model,
        args.weights,
        proposals=proposals,
        method=args.method,
        preset=args.preset,
        alpha=args.alpha,
        beta=args.beta,
        mask_layers=args.mask_layers,
        parser=args.parser,
        compat=args.compat,
        device=args.device,
        precision=args.precision,
    )
