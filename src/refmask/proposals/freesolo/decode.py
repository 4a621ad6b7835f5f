"""From scores, kernels and mask features to the chosen masks, still at the features' size."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from refmask.ops.matrix_nms import matrix_nms
from refmask.proposals.freesolo.heads import Cells

#: Pixels per cell of each level's input. A mask must be larger than that many feature places.
STRIDES = (8, 8, 16, 32, 32)
#: A mask is where its probability exceeds this.
INSIDE = 0.5
#: Masks that enter matrix NMS.
MOST_COMPARED = 500
#: Probabilities computed at once, so that those of all candidates never exist together.
CHUNK = 4_000_000


class Candidates(NamedTuple):
    """Cells that may be something.

    Attributes:
        cells: int64 (N, 4): level, grid row, grid column, class channel.
        scores: float32 (N,), of the class, 0 to 1.
        kernels: float32 (N, 256).
    """

    cells: Tensor
    scores: Tensor
    kernels: Tensor


class Chosen(NamedTuple):
    """Masks that are left, best first.

    Attributes:
        cells: int64 (N, 4), as in ``Candidates``.
        category_scores: float32 (N,), of the class.
        maskness: float32 (N,), mean probability inside the mask.
        quality: float32 (N,), their product, decayed.
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
        standing = peaks(logits).permute(1, 2, 0)
        row, column, channel = (standing > threshold).nonzero(as_tuple=True)
        cells.append(torch.stack([torch.full_like(row, level), row, column, channel], dim=1))
        scores.append(standing[row, column, channel])
        kernels.append(kernel[:, row, column].T.float())
    return Candidates(torch.cat(cells), torch.cat(scores), torch.cat(kernels))


def choose(
    candidates: Candidates, features: Tensor, update_threshold: float, limit: int
) -> Chosen:
    """The best candidates that do not repeat a better one too much.

    Args:
        candidates: of one picture.
        features: (P, 256), mask features of its P places.
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
    count, places = len(kernels), len(features)
    inside = torch.empty(count, places, dtype=torch.bool, device=features.device)
    areas = torch.zeros(count, device=features.device)
    sums = torch.zeros_like(areas)
    step = max(1, CHUNK // max(count, 1))
    for start in range(0, places, step):
        chunk = slice(start, start + step)
        soft = probabilities(kernels, features[chunk])
        within = torch.gt(soft, INSIDE, out=inside[:, chunk])
        areas += within.sum(dim=1)
        sums += soft.mul_(within).sum(dim=1)
    return inside, areas, sums / areas.clamp(min=1)


def probabilities(kernels: Tensor, features: Tensor) -> Tensor:
    """Where each mask is, 0 to 1: float32 (N, P) of kernels (N, 256) and features (P, 256)."""
    return (kernels @ features.float().T).sigmoid_()
