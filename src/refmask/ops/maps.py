"""Maps over a picture, coarser than its pixels, and their means over masks."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from refmask.ops.upsampling import around
from refmask.types import FloatArray, MaskProposals


def weighted_sums(proposals: MaskProposals, rows: Tensor, columns: Tensor) -> Tensor:
    """Sums over each mask's pixels, weighted by row and column; the work follows its box's area.

    Args:
        proposals: N masks of H x W pixels.
        rows: float32 (h, H), weights of the pixels' rows in each row of the result.
        columns: float32 (w, W), the same for columns.

    Returns:
        float32 (N, h, w).
    """
    sums = torch.empty((len(proposals), len(rows), len(columns)))
    for number, (mask, box) in enumerate(zip(proposals.masks, proposals.boxes, strict=True)):
        (x1, y1), (x2, y2) = np.floor(box[:2]).astype(int), np.ceil(box[2:]).astype(int)
        inside = torch.tensor(mask[y1:y2, x1:x2], dtype=torch.float32)
        sums[number] = rows[:, y1:y2] @ inside @ columns[:, x1:x2].T
    return sums


def mask_shares(proposals: MaskProposals, grid: tuple[int, int]) -> Tensor:
    """How much each cell of a coarse map counts in the map's mean over a mask.

    The mean of an enlarged map over a mask is linear in the map. With these weights it costs a
    product of h*w numbers per map and mask, and no map is ever enlarged.

    Args:
        proposals: N masks of H x W pixels, none of them empty.
        grid: h, w of the map.

    Returns:
        float32 (N, h, w), not negative, 1 in sum. ``(map * share).sum()`` is the mean over the
        mask of the map enlarged bilinearly (corners not aligned) to H x W.
    """
    # (h, H) and (w, W): where each cell goes
    rows, columns = (
        functional.interpolate(torch.eye(cells)[None], size, mode="linear")[0]
        for size, cells in zip(proposals.size, grid, strict=True)
    )
    spread = weighted_sums(proposals, rows, columns)
    return spread / spread.sum(dim=(1, 2), keepdim=True)


def enlarged_extremes(maps: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Least and greatest value of maps (T, h, w) enlarged bilinearly to ``size``: (T,) each."""
    low, high = torch.empty(len(maps)), torch.empty(len(maps))
    for number, coarse in enumerate(maps):
        fine = functional.interpolate(coarse[None, None], size, mode="bilinear")
        low[number], high[number] = fine.aminmax()
    return low, high


def region_shares(labels: npt.NDArray[Any], grid: tuple[int, int]) -> FloatArray:
    """As ``mask_shares``, for regions that tile an image.

    Args:
        labels: int (H, W), regions 0..R-1, all of them used.
        grid: h, w of the map.

    Returns:
        float32 (R, h * w), rows 1 in sum.
    """
    count, cells = int(labels.max()) + 1, grid[0] * grid[1]
    down, across = (around(n, size) for size, n in zip(labels.shape, grid, strict=True))
    sums = np.zeros(count * cells)
    for rows, row_weights in down:
        for columns, column_weights in across:
            index = labels * cells + (rows * grid[1])[:, None] + columns
            weights = row_weights[:, None] * column_weights
            sums += np.bincount(index.ravel(), weights.ravel(), count * cells)
    shares = sums.reshape(count, cells)
    return np.asarray(shares / shares.sum(axis=1, keepdims=True), np.float32)
