"""``refmask features``: write unblended features and scores of given masks and expressions."""

from __future__ import annotations

import argparse
import io
from pathlib import Path
from typing import Any

from refmask.cli.options import add_system_options, load_segmenter, settle


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("image", metavar="IMAGE", help="the image")
    parser.add_argument(
        "--masks",
        required=True,
        help=".npz with 'masks' bool (N, H, W), a folder of PNGs, or COCO JSON",
    )
    parser.add_argument(
        "--expressions", required=True, metavar="FILE", help="as in 'refmask phrases'"
    )
    parser.add_argument("--out", required=True, metavar="FILE", help="the .npz file to write")
    add_system_options(parser)


def run(args: argparse.Namespace) -> int:
    """Write the method's features and scores, the noun phrases and crop boxes to one file."""
    import numpy as np

    from refmask.cli.expressions import read_expressions, target_phrases
    from refmask.ops.files import write_whole
    from refmask.ops.images import read_image
    from refmask.proposals.given import GivenMasks
    from refmask.types import MaskProposals

    expressions = read_expressions(Path(args.expressions))
    image = read_image(args.image)
    masks, _ = GivenMasks(args.masks).source.read(*image.shape[:2])
    proposals = MaskProposals(masks).checked_for(image)
    settle(args)

    segmenter = load_segmenter(args, proposals="grouping")
    phrases = target_phrases(expressions, segmenter.parser)
    method = segmenter.method
    arrays: dict[str, Any] = {
        "noun_phrases": np.array([phrase.noun_phrase for phrase in phrases], np.str_),
        "boxes": method.crop_boxes(proposals).astype(np.int64),
        **method.features(image, proposals, phrases),
    }
    content = io.BytesIO()
    np.savez(content, **arrays)
    write_whole(Path(args.out), content.getvalue())
    print(f"{len(proposals)} masks and {len(phrases)} expressions -> {args.out}")
    return 0
