"""From scores, kernels and mask features to the chosen masks, at the features' size."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from refmask.ops.matrix_nms import matrix_nms
from refmask.proposals.freesolo.heads import Cells

#: Stride of each level's input in pixels. A mask must cover more feature positions than that.
STRIDES = (8, 8, 16, 32, 32)
#: Probability above which a pixel is inside a mask.
INSIDE = 0.5
#: Masks that enter matrix NMS.
MOST_COMPARED = 500
#: Positions per batch; bounds the memory of all candidates' probabilities.
CHUNK = 2048


class Candidates(NamedTuple):
    """Cells with a high score.

    Attributes:
        cells: int64 (N, 4): level, grid row, grid column, class channel.
        scores: float32 (N,), of the class, 0 to 1.
        kernels: float32 (N, 256).
    """

    cells: Tensor
    scores: Tensor
    kernels: Tensor


class Chosen(NamedTuple):
    """Masks after matrix NMS, best first.

    Attributes:
        cells: int64 (N, 4), as in ``Candidates``.
        category_scores: float32 (N,), of the class.
        maskness: float32 (N,), mean probability inside the mask.
        quality: float32 (N,), their product after matrix NMS.
        kernels: float32 (N, 256).
    """

    cells: Tensor
    category_scores: Tensor
    maskness: Tensor
    quality: Tensor
    kernels: Tensor


def peaks(logits: Tensor) -> Tensor:
    """Scores (C, G, G), 0 where the upper, left or upper left neighbour is larger."""
    scores = logits.sigmoid()
    largest = functional.max_pool2d(scores, 2, stride=1, padding=1)[:, :-1, :-1]
    return scores.where(scores == largest, 0)


def find_candidates(levels: list[Cells], threshold: float) -> Candidates:
    """Cells whose score is a peak above ``threshold``, by level, row, column, class."""
    cells, scores, kernels = [], [], []
    for level, (logits, kernel) in enumerate(levels):
        maxima = peaks(logits).permute(1, 2, 0)
        row, column, channel = (maxima > threshold).nonzero(as_tuple=True)
        cells.append(torch.stack([torch.full_like(row, level), row, column, channel], dim=1))
        scores.append(maxima[row, column, channel])
        kernels.append(kernel[:, row, column].T.float())
    return Candidates(torch.cat(cells), torch.cat(scores), torch.cat(kernels))


def choose(candidates: Candidates, features: Tensor, update_threshold: float, limit: int) -> Chosen:
    """The best candidates after matrix NMS.

    Args:
        candidates: of one image.
        features: (P, 256), mask features of its P positions.
        update_threshold: the lowest quality after matrix NMS.
        limit: the largest number of masks.
    """
    cells, scores, kernels = candidates
    inside, areas, maskness = _draw(kernels, features)
    strides = torch.tensor(STRIDES, device=cells.device)[cells[:, 0]]
    large = (areas > strides).nonzero()[:, 0]
    quality = scores[large] * maskness[large]
    order = quality.argsort(descending=True, stable=True)[:MOST_COMPARED]
    rows = large[order]
    quality = matrix_nms(inside[rows], quality[order], cells[rows, 3])
    order = quality.argsort(descending=True, stable=True)[:limit]
    order = order[quality[order] >= update_threshold]
    rows = rows[order]
    return Chosen(cells[rows], scores[rows], maskness[rows], quality[order], kernels[rows])


def _draw(kernels: Tensor, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Masks bool (N, P), their areas (N,), and their mean probability (N,)."""
    inside = torch.empty(len(kernels), len(features), dtype=torch.bool, device=features.device)
    areas = torch.zeros(len(kernels), device=features.device)
    sums = torch.zeros_like(areas)
    for places, soft in _probabilities(kernels, features):
        within = torch.gt(soft, INSIDE, out=inside[:, places])
        areas += within.sum(dim=1)
        sums += soft.mul_(within).sum(dim=1)
    return inside, areas, sums / areas.clamp(min=1)


def soft_masks(kernels: Tensor, features: Tensor) -> Tensor:
    """Mask probabilities: float32 (N, P) of kernels (N, 256) and features (P, 256)."""
    return torch.cat([soft for _, soft in _probabilities(kernels, features)], dim=1)


def _probabilities(kernels: Tensor, features: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """The soft masks float32 (N, p), in batches of positions; summed in fp32 at any precision."""
    for start in range(0, len(features), CHUNK):
        places = slice(start, start + CHUNK)
        yield places, (kernels @ features[places].float().T).sigmoid_()
