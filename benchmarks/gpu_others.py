"""The offline classifier, FreeSOLO, SAM and SAM 2 on the card against the processor in fp32."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import cases
import freesolo
import numpy as np
import torch
from gpu_parity import distances, golden, holds
from gpu_run import Row, Setting, Work
from PIL import Image

from refmask.classifier import load_classifier
from refmask.classifier.crops import cut_crops
from refmask.methods.class_posterior import ClassPosterior
from refmask.ops.devices import PRECISIONS, exact_convolutions
from refmask.ops.masks import pairwise_iou
from refmask.ops.pixels import resize_shorter_side
from refmask.proposals.freesolo import FreeSolo
from refmask.proposals.freesolo.network import load_network, network_input
from refmask.proposals.sam import Sam, Sam2
from refmask.proposals.sam.automatic import point_grid
from refmask.proposals.sam.network import load_network as load_sam
from refmask.proposals.sam.source import find_model
from refmask.types import MaskProposals, MaskProposer, UInt8Array

#: Settings with which a random SAM's masks, in which it hardly believes, are kept.
LENIENT = {"pred_iou": -100.0, "stability": 0.0, "min_area": 0, "limit": 50}
#: Ours, transformers', and a seed.
SAMS: dict[str, tuple[type[Sam], str, int]] = {
    "sam": (Sam, "SamModel", 5),
    "sam2": (Sam2, "Sam2Model", 3),
}
NETWORKS = ("offline", "freesolo", *SAMS)
SMALL_SAMS = Path(__file__).parent.parent / "tests" / "proposals" / "sam_configs"

Arrays = dict[str, Any]


def works(name: str, setting: Setting) -> Iterator[Work]:
    """One of ``NETWORKS`` in each precision, and what its proposals become."""
    if name == "offline":
        yield from _compared(name, setting, _offline)
    elif name == "freesolo":
        weights = setting.folder / "freesolo.pth"
        freesolo.recipe_weights(weights)
        sizes = {"short_edge": 96, "long_edge": 400} if setting.small else {}
        yield from _compared(name, setting, partial(_freesolo, setting, weights))
        yield from _proposed(name, setting, partial(FreeSolo, str(weights), **sizes))
    else:
        kind, folder = SAMS[name][0], _random_sam(name, setting)
        yield from _compared(name, setting, partial(_sam, kind, folder))
        yield from _proposed(name, setting, partial(kind, str(folder), **LENIENT))


def agreement(ours: MaskProposals, theirs: MaskProposals) -> float:
    """Mean IoU of each of their masks with the most like of ours; 0 when there are none."""
    if not len(ours) or not len(theirs):
        return 0.0
    masks = np.concatenate([theirs.masks, ours.masks])
    return float(pairwise_iou(masks)[: len(theirs), len(theirs) :].max(axis=1).mean())


def _compared(
    name: str, setting: Setting, arrays: Callable[[torch.device, str], Arrays]
) -> Iterator[Work]:
    processor = torch.device("cpu")
    wanted = {precision: arrays(processor, precision) for precision in PRECISIONS}
    for precision in PRECISIONS:
        own = distances(wanted[precision], wanted["fp32"])

        def compared(precision: str = precision, own: dict[str, float] = own) -> Row:
            errors = distances(arrays(setting.device, precision), wanted["fp32"])
            return {
                "precision": precision,
                "errors": errors,
                "processor": own,
                "holds": holds(errors, own, precision),
            }

        yield f"{name}, {precision}", compared


def _proposed(name: str, setting: Setting, make: Callable[..., MaskProposer]) -> Iterator[Work]:
    """The masks themselves: how many, how like the processor's, how fast."""
    image = _image(setting)
    theirs = make(device="cpu", precision="fp32").propose(image)

    for precision in PRECISIONS:

        def compared(precision: str = precision) -> Row:
            proposer = make(device=str(setting.device), precision=precision)
            ours = proposer.propose(image)
            return {
                "precision": precision,
                "masks": len(ours),
                "masks_processor": len(theirs),
                "agreement": agreement(ours, theirs),
                "seconds": setting.seconds(lambda: proposer.propose(image), runs=3, warm=1),
                "gigabytes": setting.peak(lambda: proposer.propose(image)),
            }

        yield f"{name}'s masks, {precision}", compared


def _offline(device: torch.device, precision: str) -> Arrays:
    image, proposals, _ = golden()
    classifier = load_classifier(str(device), precision)
    crops = cut_crops(image, proposals.masks, proposals.boxes, classifier.statistics.side)
    observed = ClassPosterior(classifier, local_top=None).encode_image(image, proposals)
    return {
        "places": classifier.encode_places(image),
        "crops": classifier.encode_crops(crops),
        "global": observed.global_context,
        "local": observed.local_context,
    }


def _freesolo(setting: Setting, weights: Path, device: torch.device, precision: str) -> Arrays:
    dtype = PRECISIONS[precision]
    small = resize_shorter_side(_image(setting), *((96, 400) if setting.small else (800, 1333)))
    network = load_network(weights, device, dtype)
    with torch.inference_mode(), exact_convolutions(dtype):
        levels, features = network(network_input(small).to(device, dtype))
    cells = {f"logits{number}": level.logits for number, level in enumerate(levels)}
    kernels = {f"kernels{number}": level.kernels for number, level in enumerate(levels)}
    return {**cells, **kernels, "features": features}


@torch.inference_mode()
def _sam(kind: type[Sam], folder: Path, device: torch.device, precision: str) -> Arrays:
    source = find_model(str(folder), kind.family)
    network = load_sam(source, kind.family, device, PRECISIONS[precision])
    image = golden()[0]
    seen = network.embed(image)
    height, width = network.frame(*image.shape[:2])
    logits, believed = network.decode(seen, point_grid(4) * torch.tensor([width, height]))
    levels = seen if isinstance(seen, list) else [seen]
    embedded = {f"embedding{number}": level for number, level in enumerate(levels)}
    return {**embedded, "logits": logits, "believed": believed}


def _image(setting: Setting) -> UInt8Array:
    if setting.small:
        return cases.make_image(96, 128)
    with Image.open(freesolo.GOLDEN / "a1_427x640.png") as image:
        return np.array(image.convert("RGB"))


def _random_sam(name: str, setting: Setting) -> Path:
    """The folder of a model with random weights: of the published base size, or tiny."""
    transformers = importlib.import_module("transformers")
    _, class_name, seed = SAMS[name]
    kind, folder = getattr(transformers, class_name), setting.folder / name
    told = json.loads((SMALL_SAMS / f"{name}.json").read_text()) if setting.small else {}
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(seed)
        model = kind(kind.config_class(**told))
        for values in model.parameters():
            if values.ndim > 1:  # so that an image's signal goes all the way through
                values.normal_(0, values[0].numel() ** -0.5)
        model.save_pretrained(folder)
    return folder
