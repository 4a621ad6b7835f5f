"""Train the boundary network that ships with refmask on the maps of a teacher.

    python training/train_boundary.py maps.npz --out boundary.safetensors

takes one thread about ten minutes, and 4 GB. ``maps.npz`` is what boundary_teacher.py wrote. The
teacher's maps are no ground truth: no mask and no outline drawn by a person enters. ``--holdout 6``
leaves out every sixth photograph and tells how closely their maps are met.
"""

from __future__ import annotations

import argparse
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageEnhance
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from refmask.classifier import Classifier, load_classifier
from refmask.classifier.classifier import LONGER_SIDE, resized
from refmask.classifier.network import STRIDE
from refmask.proposals.photo.network import BoundaryNetwork, boundaries
from refmask.types import UInt8Array

#: Longer sides at which the classifier looks at each photograph, in pixels.
SIDES = (512, LONGER_SIDE, 768)


@dataclass(frozen=True)
class Plan:
    """How to train.

    Attributes:
        steps: optimiser steps.
        rate: greatest learning rate.
        warm_up: steps until it is reached.
        batch: crops per step.
        cells: their side, in places of the coarsest map.
        seed: of weights, views and crops.
        holdout: every so many photographs one is left out, the first one too; 0 trains on all.
    """

    steps: int = 600
    rate: float = 2e-3
    warm_up: int = 60
    batch: int = 12
    cells: int = 7
    seed: int = 0
    holdout: int = 6


@dataclass(frozen=True, eq=False)
class Photograph:
    """An image, uint8 RGB (H, W, 3), and the teacher's map of it, uint8 (H, W)."""

    image: UInt8Array
    target: UInt8Array


@dataclass(frozen=True, eq=False)
class View:
    """What the classifier saw, float16 (C, h, w) at each stride, and its target, uint8 (H, W)."""

    pyramid: list[Tensor]
    target: Tensor

    @property
    def cells(self) -> int:
        """The coarsest map's shorter side."""
        return min(self.pyramid[-1].shape[1:])


class Normalised(nn.Module):
    """A convolution with batch normalisation behind it, while training."""

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self.convolution, self.norm = convolution, nn.BatchNorm2d(convolution.out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) to (B, D, h', w')."""
        return self.norm(self.convolution(x))


def normalise(network: nn.Module) -> None:
    """Put batch normalisation behind each convolution but the last."""
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.Conv2d) and name != "out":
                setattr(parent, name, Normalised(child))


def fold(network: nn.Module) -> None:
    """Undo :func:`normalise`; the convolutions then do what both did."""
    network.eval()
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, Normalised):
                setattr(parent, name, fuse_conv_bn_eval(child.convolution, child.norm))


def read_photographs(path: Path) -> list[Photograph]:
    """All photographs of boundary_teacher.py's file, by name."""
    with np.load(path) as file:
        names = sorted(name.removeprefix("map/") for name in file if name.startswith("map/"))
        return [Photograph(file[f"image/{name}"], file[f"map/{name}"]) for name in names]


def views_of(
    photograph: Photograph, classifier: Classifier, rng: np.random.Generator
) -> list[View]:
    """What the classifier sees at each size, mirrored and not, colours changed in all but one."""
    views = []
    for side in SIDES:
        plain = resized(photograph.image, side)
        height, width = plain.shape[:2]
        image, map_ = Image.fromarray(plain), Image.fromarray(photograph.target)
        target = np.asarray(map_.resize((width, height), Image.Resampling.BILINEAR))
        for mirrored in (False, True):
            pixels = plain
            if side != LONGER_SIDE or mirrored:
                changed = image
                for change in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
                    changed = change(changed).enhance(rng.uniform(0.65, 1.4))
                pixels = np.asarray(changed)
            step = -1 if mirrored else 1
            pyramid = classifier.encode_pyramid(np.ascontiguousarray(pixels[:, ::step]), side)
            turned = torch.from_numpy(target[:, ::step].copy())
            views.append(View([maps[0].half() for maps in pyramid], turned))
    return views


def batch_of(
    views: list[View], plan: Plan, rng: np.random.Generator
) -> tuple[list[Tensor], Tensor]:
    """Crops of pyramids (B, C, h, w), fine to coarse, and targets (B, 1, H, W), 0 to 1."""
    crops, targets = [], []
    for index in rng.integers(len(views), size=plan.batch):
        view = views[index]
        rows, columns = view.pyramid[-1].shape[1:]
        top, left = rng.integers(rows - plan.cells + 1), rng.integers(columns - plan.cells + 1)

        def cut(maps: Tensor, stride: int, top: int = top, left: int = left) -> Tensor:
            scale = STRIDE // stride
            y, x, side = top * scale, left * scale, plan.cells * scale
            return maps[..., y : y + side, x : x + side]

        crops.append([cut(maps, 2 ** (n + 1)) for n, maps in enumerate(view.pyramid)])
        targets.append(cut(view.target, 1))
    pyramid = [torch.stack(maps).float() for maps in zip(*crops, strict=True)]
    return pyramid, torch.stack(targets)[:, None].float() / 255


def rate_at(step: int, plan: Plan) -> float:
    """Linear warm-up, then half a cosine down to nothing."""
    if step < plan.warm_up:
        return plan.rate * (step + 1) / plan.warm_up
    done = (step - plan.warm_up) / (plan.steps - plan.warm_up)
    return plan.rate / 2 * (1 + math.cos(math.pi * done))


def fit(network: nn.Module, views: list[View], plan: Plan) -> None:
    """Train by the binary cross-entropy with the teacher's strengths."""
    rng = np.random.default_rng(plan.seed)
    optimiser = torch.optim.AdamW(network.parameters(), lr=plan.rate, weight_decay=0.02)
    total, started = 0.0, time.monotonic()
    for step in range(plan.steps):
        for group in optimiser.param_groups:
            group["lr"] = rate_at(step, plan)
        pyramid, targets = batch_of(views, plan, rng)
        with torch.autocast("cpu", torch.bfloat16):
            logits = network([maps.to(memory_format=torch.channels_last) for maps in pyramid])
        full = functional.interpolate(logits.float(), scale_factor=2.0, mode="bilinear")
        loss = functional.binary_cross_entropy_with_logits(full, targets)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        total += loss.item()
        if (step + 1) % 100 == 0:
            seconds = time.monotonic() - started
            print(f"step {step + 1}  {seconds:.0f} s  loss {total / 100:.4f}", flush=True)
            total = 0.0


def agreement(
    network: BoundaryNetwork, classifier: Classifier, photographs: list[Photograph]
) -> float:
    """Mean correlation with the teacher's maps, both at half their size."""
    found = []
    for photograph in photographs:
        height, width = (side // 2 for side in photograph.target.shape)
        target = Image.fromarray(photograph.target).resize((width, height), Image.Resampling.BOX)
        pyramid = classifier.encode_pyramid(photograph.image)
        strength = boundaries(network, pyramid, (height, width))
        found.append(np.corrcoef(strength.ravel(), np.asarray(target).ravel())[0, 1])
    return float(np.mean(found))


def read_options() -> tuple[Path, Path, Plan]:
    """Maps to read, file to write, and every number of the plan."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("maps", type=Path, help="what boundary_teacher.py wrote")
    parser.add_argument("--out", type=Path, required=True, help=".safetensors file to write")
    for name, value in asdict(Plan()).items():
        parser.add_argument(f"--{name}", type=type(value), default=value, help="%(default)s")
    options = vars(parser.parse_args())
    return options.pop("maps"), options.pop("out"), Plan(**options)


def main() -> None:
    """Train, fold, measure and write."""
    maps, out, plan = read_options()
    torch.manual_seed(plan.seed)
    photographs = read_photographs(maps)
    held = photographs[:: plan.holdout] if plan.holdout else []
    classifier, rng = load_classifier("cpu"), np.random.default_rng(plan.seed)
    looked = [views_of(photograph, classifier, rng) for photograph in photographs]
    if plan.holdout:
        del looked[:: plan.holdout]
    views = [view for seen in looked for view in seen if view.cells >= plan.cells]
    network = BoundaryNetwork()
    normalise(network)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    fit(network, views, plan)
    fold(network)
    for name, group in (("all", photographs), ("held out", held)):
        if group:
            print(
                f"correlation with the teacher, {name}: {agreement(network, classifier, group):.4f}"
            )
    weights = {name: value.half().contiguous() for name, value in network.state_dict().items()}
    save_file(weights, out)


if __name__ == "__main__":
    main()
