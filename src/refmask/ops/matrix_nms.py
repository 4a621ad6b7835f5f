"""Matrix NMS: scores lowered by overlap with better masks, in parallel (SOLOv2, section 3.3)."""

from __future__ import annotations

import torch
from torch import Tensor

#: Pixels per batch; bounds the memory of the masks as floats.
CHUNK = 8192


def matrix_nms(
    masks: Tensor, scores: Tensor, labels: Tensor | None = None, sigma: float = 2.0
) -> Tensor:
    """Scores, decayed by better masks of the same class with a Gaussian kernel.

    With ``IoU_ij`` for i before j and of one class, 0 otherwise, and ``c_i = max_k IoU_ki``, mask
    j decays by ``min_i exp(-sigma IoU_ij^2) / exp(-sigma c_i^2)`` (SOLOv2, equation 5): much where
    it repeats a better mask i, less where i itself repeats a still better one.

    Args:
        masks: bool (N, P), P pixels each; P below 2^24.
        scores: float (N,), descending.
        labels: (N,), the classes; None for a single one.
        sigma: of the Gaussian; larger decays more.

    Returns:
        float (N,), in the masks' order, not necessarily descending.
    """
    if not len(masks):
        return scores
    iou = _pairwise_iou(masks).triu(diagonal=1)
    if labels is not None:
        iou *= labels[:, None] == labels
    worst = iou.amax(dim=0)
    exponents = sigma * (worst.square()[:, None] - iou.square())
    return scores * exponents.amin(dim=0).exp()


def _pairwise_iou(masks: Tensor) -> Tensor:
    """float32 (N, N). Counts stay exact: float32 holds whole numbers below 2^24."""
    shared = torch.zeros(len(masks), len(masks), device=masks.device)
    for start in range(0, masks.shape[1], CHUNK):
        places = masks[:, start : start + CHUNK].float()
        shared.addmm_(places, places.T)
    areas = shared.diagonal()
    return shared / (areas[:, None] + areas - shared).clamp_(min=1)
