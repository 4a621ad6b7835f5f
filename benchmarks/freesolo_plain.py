"""FreeSOLO's inference written down step by step, in fp32 and without any care for speed.

It is what ``refmask.proposals.freesolo`` is compared with: the same arithmetic, one step after the
other as the network's description gives them, from a state dict with the checkpoint's names.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from refmask.types import BoolArray, FloatArray, UInt8Array

MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
BLOCKS = {2: 3, 3: 4, 4: 23, 5: 3}
GRIDS, STRIDES = (40, 36, 24, 16, 12), (8, 8, 16, 32, 32)
TOWER = (0, 3, 6, 9)

State = dict[str, Tensor]


@torch.inference_mode()
def propose(
    state: State, image: UInt8Array, short: int = 800, long: int = 1333
) -> tuple[BoolArray, FloatArray, FloatArray]:
    """Masks bool (N, H, W), scores (N,), and cells (N, 4) as level, row, column, class."""
    pixels, size = prepare(image, short, long)
    pyramid = fpn(state, resnet(state, pixels))
    logits, kernels = instance_head(state, pyramid)
    features = mask_head(state, pyramid)
    return decode(logits, kernels, features, size, image.shape[:2])


def prepare(image: UInt8Array, short: int, long: int) -> tuple[Tensor, tuple[int, int]]:
    """Resized, normalised, padded to multiples of 32; and the size before padding."""
    height, width = image.shape[:2]
    scale = short / min(height, width)
    high, wide = height * scale, width * scale
    if max(high, wide) > long:
        shrink = long / max(high, wide)
        high, wide = high * shrink, wide * shrink
    size = max(1, int(high + 0.5)), max(1, int(wide + 0.5))
    resized = Image.fromarray(image).resize(size[::-1], Image.Resampling.BILINEAR)
    pixels = torch.from_numpy(np.array(resized)).permute(2, 0, 1)[None].float()
    pixels = (pixels - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)
    return functional.pad(pixels, (0, -size[1] % 32, 0, -size[0] % 32)), size


def resnet(state: State, x: Tensor) -> list[Tensor]:
    """res2 to res5."""

    def conv(x: Tensor, name: str, stride: int = 1) -> Tensor:
        name = f"backbone.bottom_up.{name}"
        weight = state[f"{name}.weight"]
        x = functional.conv2d(x, weight, stride=stride, padding=weight.shape[-1] // 2)
        norm = {part: state[f"{name}.norm.{part}"].view(1, -1, 1, 1) for part in NORM}
        centred = (x - norm["running_mean"]) / torch.sqrt(norm["running_var"] + 1e-5)
        return centred * norm["weight"] + norm["bias"]

    x = functional.relu(conv(x, "stem.conv1", 2))
    x = functional.max_pool2d(x, 3, 2, 1)
    stages = []
    for stage, blocks in BLOCKS.items():
        for block in range(blocks):
            name = f"res{stage}.{block}"
            stride = 2 if stage > 2 and block == 0 else 1
            y = functional.relu(conv(x, f"{name}.conv1"))
            y = functional.relu(conv(y, f"{name}.conv2", stride))
            y = conv(y, f"{name}.conv3")
            x = functional.relu(y + (conv(x, f"{name}.shortcut", stride) if block == 0 else x))
        stages.append(x)
    return stages


NORM = ("running_mean", "running_var", "weight", "bias")


def fpn(state: State, stages: list[Tensor]) -> list[Tensor]:
    """p2 to p6."""

    def conv(x: Tensor, name: str) -> Tensor:
        weight, bias = state[f"backbone.{name}.weight"], state[f"backbone.{name}.bias"]
        return functional.conv2d(x, weight, bias, padding=weight.shape[-1] // 2)

    outputs: list[Tensor] = []
    merged = None
    for level in (5, 4, 3, 2):
        lateral = conv(stages[level - 2], f"fpn_lateral{level}")
        if merged is not None:
            lateral = lateral + functional.interpolate(merged, scale_factor=2, mode="nearest")
        merged = lateral
        outputs.insert(0, conv(merged, f"fpn_output{level}"))
    return [*outputs, functional.max_pool2d(outputs[-1], 1, 2)]


def with_coordinates(x: Tensor) -> Tensor:
    """Two more channels, x and y from -1 to 1."""
    height, width = x.shape[-2:]
    across = torch.linspace(-1, 1, width).expand(1, 1, height, width)
    down = torch.linspace(-1, 1, height).view(-1, 1).expand(1, 1, height, width)
    return torch.cat([x, across, down], dim=1)


def bilinear(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Resized, corners not aligned, not antialiased."""
    return functional.interpolate(x, size, mode="bilinear", align_corners=False)


def unit(state: State, x: Tensor, conv: str, norm: str) -> Tensor:
    """Convolution, group norm, ReLU."""
    weight = state[f"{conv}.weight"]
    x = functional.conv2d(x, weight, padding=weight.shape[-1] // 2)
    x = functional.group_norm(x, 32, state[f"{norm}.weight"], state[f"{norm}.bias"], 1e-5)
    return functional.relu(x)


def instance_head(state: State, pyramid: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    """Score logits (1, 2, G, G) and kernels (1, 256, G, G) per level."""
    p2, p3, p4, p5, p6 = pyramid
    halved = bilinear(p2, (p2.shape[2] // 2, p2.shape[3] // 2))
    levels = [halved, p3, p4, p5, bilinear(p6, (p5.shape[2], p5.shape[3]))]

    def predict(x: Tensor, tower: str, output: str) -> Tensor:
        for index in TOWER:
            name = f"ins_head.{tower}"
            x = unit(state, x, f"{name}.{index}", f"{name}.{index + 1}")
        weight, bias = state[f"ins_head.{output}.weight"], state[f"ins_head.{output}.bias"]
        return functional.conv2d(x, weight, bias, padding=1)

    logits, kernels = [], []
    for level, grid in zip(levels, GRIDS, strict=True):
        cells = bilinear(with_coordinates(level), (grid, grid))
        kernels.append(predict(cells, "kernel_tower", "kernel_pred"))
        logits.append(predict(cells[:, :256], "cate_tower", "cate_pred"))
    return logits, kernels


def mask_head(state: State, pyramid: list[Tensor]) -> Tensor:
    """Mask features (1, 256, H/4, W/4)."""
    total = None
    for level, x in enumerate(pyramid[:4]):
        name = f"mask_head.convs_all_levels.{level}"
        if level == 3:
            x = with_coordinates(x)
        for index in range(max(level, 1)):
            x = unit(state, x, f"{name}.conv{index}.0", f"{name}.conv{index}.1")
            if level > 0:
                x = bilinear(x, (x.shape[2] * 2, x.shape[3] * 2))
        total = x if total is None else total + x
    assert total is not None
    return unit(state, total, "mask_head.conv_pred.0", "mask_head.conv_pred.1")


def decode(
    logits: list[Tensor],
    kernels: list[Tensor],
    features: Tensor,
    resized: tuple[int, int],
    original: tuple[int, int],
) -> tuple[BoolArray, FloatArray, FloatArray]:
    """From scores, kernels and features to masks."""
    scores, filters, strides, cells = [], [], [], []
    for level, (logit, kernel) in enumerate(zip(logits, kernels, strict=True)):
        score = logit.sigmoid()
        peak = functional.max_pool2d(score, 2, 1, 1)[:, :, :-1, :-1]
        score = (score * (score == peak))[0].permute(1, 2, 0)
        found = (score > 0.1).nonzero()
        scores.append(score[tuple(found.T)])
        filters.append(kernel[0][:, found[:, 0], found[:, 1]].T)
        strides.append(torch.full((len(found),), STRIDES[level]))
        cells.append(functional.pad(found, (1, 0), value=level))
    score, cell, stride = torch.cat(scores), torch.cat(cells), torch.cat(strides)
    soft = functional.conv2d(features, torch.cat(filters)[:, :, None, None])[0].sigmoid()
    hard = soft > 0.5
    area = hard.sum((1, 2))
    kept = area > stride
    score, cell, soft, hard, area = score[kept], cell[kept], soft[kept], hard[kept], area[kept]
    score = score * (soft * hard).sum((1, 2)) / area
    order = score.argsort(descending=True, stable=True)[:500]
    score, cell, soft, hard = score[order], cell[order], soft[order], hard[order]
    score = decayed(score, hard, cell[:, 3])
    kept = score >= 0.05
    score, cell, soft = score[kept], cell[kept], soft[kept]
    order = score.argsort(descending=True, stable=True)[:100]
    score, cell, soft = score[order], cell[order], soft[order]
    height, width = features.shape[-2:]
    ratio = max(math.ceil(resized[0] / height), math.ceil(resized[1] / width))
    soft = bilinear(soft[None], (height * ratio, width * ratio))[:, :, : resized[0], : resized[1]]
    masks = bilinear(soft, (original[0], original[1]))[0] > 0.5
    full = masks.any(2).any(1)
    return masks[full].numpy(), score[full].numpy(), cell[full].numpy()


def decayed(score: Tensor, masks: Tensor, classes: Tensor) -> Tensor:
    """Matrix NMS, Gaussian with sigma 2."""
    rows = masks.flatten(1).float()
    shared = rows @ rows.T
    areas = rows.sum(1)
    iou = shared / (areas[:, None] + areas - shared)
    iou = (iou * (classes[:, None] == classes)).triu(1)
    worst = iou.amax(0)[:, None]
    return score * (torch.exp(-2 * iou**2) / torch.exp(-2 * worst**2)).amin(0)
