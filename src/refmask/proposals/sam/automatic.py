"""Automatic mask generation (Segment Anything, section 4 and appendix B).

A grid of points is put to the model; the masks it answers with are kept when the model believes in
them, when their outline is stable, and when no better mask has nearly the same box.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch
from scipy import ndimage
from torch import Tensor

from refmask.ops.masks import suppress
from refmask.proposals.sam.network import Network
from refmask.proposals.sam.thresholds import Thresholds
from refmask.types import BoolArray, FloatArray, MaskProposals, UInt8Array, sealed, tight_boxes

#: How far logits are moved either way to see whether an outline is stable.
OFFSET = 1.0
#: Pixels of logits at the image's size that are held at a time, or one mask where it has more.
CHUNK = 1 << 24


@torch.inference_mode()
def generate(
    network: Network, image: UInt8Array, thresholds: Thresholds, batch: int, limit: int | None
) -> MaskProposals:
    """Masks of an image.

    Only the small logits of candidates are kept; masks at the image's size are computed from
    them when they are looked at, and kept as bits, so that large images fit into memory.

    Args:
        network: what is asked.
        image: uint8 RGB (H, W, 3).
        thresholds: what is kept.
        batch: points put to the model at a time.
        limit: the largest number of masks, or None.

    Returns:
        Masks with the predicted IoU as quality, best first.
    """
    size = image.shape[0], image.shape[1]
    logits, quality = _ask(network, image, thresholds, batch)
    boxes, stability = _measure(network, logits, size)
    stable = np.flatnonzero((stability >= thresholds.stability) & (boxes[:, 2] > 0))
    best = stable[suppress(box_iou(boxes[stable]), quality[stable], thresholds.nms)]
    packed, kept = _tidy(
        network, logits[torch.from_numpy(best).to(logits.device)], size, thresholds
    )
    kept = kept[:limit]
    masks = np.empty((len(kept), *size), np.bool_)
    for mask, index in zip(masks, kept, strict=True):
        mask[:] = np.unpackbits(packed[index], count=mask.size).reshape(size)
    return MaskProposals(sealed(masks), quality=quality[best[kept]])


def point_grid(per_side: int) -> Tensor:
    """Points at the centres of ``per_side`` x ``per_side`` equal cells, row by row.

    Returns:
        float32 (per_side ** 2, 2), x and y from 0 to 1.
    """
    centres = (torch.arange(per_side) + 0.5) / per_side
    y, x = torch.meshgrid(centres, centres, indexing="ij")
    return torch.stack([x.flatten(), y.flatten()], dim=1)


def stability_score(logits: Tensor) -> Tensor:
    """IoU of the masks at logits above +``OFFSET`` and above -``OFFSET``; 0 where both are empty.

    As the released code does, it is taken at the image's size, not at that of the logits.

    Args:
        logits: float (M, H, W).

    Returns:
        float (M,), 0 to 1.
    """
    # The shortest numbers that hold a row's count are summed several times as fast.
    count = torch.int16 if logits.shape[2] < 1 << 15 else torch.int32
    inner, outer = ((logits > edge).sum(2, dtype=count).sum(1) for edge in (OFFSET, -OFFSET))
    return inner / outer.clamp(min=1)


def box_iou(boxes: FloatArray) -> FloatArray:
    """IoU of every box with every other; 1 with itself.

    Args:
        boxes: (M, 4) XYXY, half-open, none of them empty.

    Returns:
        float64 (M, M), 0 to 1.
    """
    low, high = boxes[:, :2].astype(np.float64), boxes[:, 2:].astype(np.float64)
    sides = np.minimum(high[:, None], high) - np.maximum(low[:, None], low)
    shared = sides.clip(min=0).prod(axis=2)
    areas = (high - low).prod(axis=1)
    return np.asarray(shared / (areas[:, None] + areas - shared))


def without_small_regions(mask: BoolArray, area: int) -> BoolArray:
    """A mask with holes smaller than ``area`` pixels filled, then islands smaller removed.

    A hole is any connected part of the background, an island any of the mask; pixels that touch
    at a corner are connected. What has no larger part becomes empty.

    Args:
        mask: bool (H, W).
        area: pixels.

    Returns:
        bool (H, W).
    """
    if area <= 1:
        return mask
    filled = mask | _small_regions(~mask, area)
    return filled & ~_small_regions(filled, area)


def _small_regions(places: BoolArray, area: int) -> BoolArray:
    labels, count = ndimage.label(places, np.ones((3, 3)))
    if count == 1 and np.count_nonzero(places) >= area:
        return np.zeros_like(places)  # as is most often so
    small = np.bincount(labels.ravel()) < area
    small[0] = False
    return np.asarray(small[labels])


def _ask(
    network: Network, image: UInt8Array, thresholds: Thresholds, batch: int
) -> tuple[Tensor, FloatArray]:
    """Candidates the model believes in, best first: logits (M, s, s), predicted IoU (M,)."""
    seen = network.embed(image)
    height, width = network.frame(*image.shape[:2])
    points = point_grid(thresholds.points_per_side) * torch.tensor([width, height])
    logits, quality = [], []
    for start in range(0, len(points), batch):
        answers, believed = network.decode(seen, points[start : start + batch])
        answers, believed = answers.flatten(0, 1), believed.flatten(0, 1)
        good = believed > thresholds.pred_iou
        logits.append(answers[good])
        quality.append(believed[good])
    believed, order = torch.cat(quality).sort(descending=True, stable=True)
    return torch.cat(logits)[order], believed.cpu().numpy()


def _enlarged(network: Network, logits: Tensor, size: tuple[int, int]) -> Iterator[Tensor]:
    """Logits at the image's size, (C, H, W) for a few masks at a time."""
    step = max(1, CHUNK // (size[0] * size[1]))
    for start in range(0, len(logits), step):
        yield network.enlarge(logits[start : start + step], *size)


def _measure(
    network: Network, logits: Tensor, size: tuple[int, int]
) -> tuple[FloatArray, FloatArray]:
    """Tight boxes (M, 4) at the image's size, and stability scores (M,)."""
    boxes: list[FloatArray] = [np.empty((0, 4), np.float32)]
    stability: list[FloatArray] = [np.empty(0, np.float32)]
    for full in _enlarged(network, logits, size):
        boxes.append(tight_boxes((full > 0).cpu().numpy()))
        stability.append(stability_score(full).cpu().numpy())
    return np.concatenate(boxes), np.concatenate(stability)


def _tidy(
    network: Network, logits: Tensor, size: tuple[int, int], thresholds: Thresholds
) -> tuple[list[UInt8Array], npt.NDArray[np.intp]]:
    """Masks without small regions, packed to bits, and which of them to keep, in their order.

    Two masks may have come to the same box; then one that needed no change goes before.
    """
    boxes = np.empty((len(logits), 4), np.float32)
    packed: list[UInt8Array] = []
    unchanged = []
    for full in _enlarged(network, logits, size):
        for mask in (full > 0).cpu().numpy():
            tidy = without_small_regions(mask, thresholds.min_area)
            boxes[len(packed)] = tight_boxes(tidy[None])[0]
            unchanged.append(np.array_equal(tidy, mask))
            packed.append(np.packbits(tidy))
    left = np.flatnonzero(boxes[:, 2] > 0)
    rank = np.array(unchanged, np.float32)[left]
    return packed, np.sort(left[suppress(box_iou(boxes[left]), rank, thresholds.nms)])
