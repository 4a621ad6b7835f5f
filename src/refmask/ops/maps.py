"""Maps over a picture, coarser than its pixels, and their means over masks."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from refmask.types import Bools


def mask_shares(masks: Bools, grid: tuple[int, int]) -> Tensor:
    """How much each cell of a coarse map counts in the map's mean over a mask.

    The mean of an enlarged map over a mask is linear in the map. With these weights it costs a
    product of h*w numbers per map and mask, and no map is ever enlarged.

    Args:
        masks: bool (N, H, W), none of them empty.
        grid: h, w of the map.

    Returns:
        float32 (N, h, w), not negative, 1 in sum. ``(map * share).sum()`` is the mean over the
        mask of the map enlarged bilinearly (corners not aligned) to H x W.
    """
    shares = torch.empty((len(masks), *grid))
    # (h, H) and (w, W): where each cell goes
    rows, columns = (
        functional.interpolate(torch.eye(cells)[None], size, mode="linear")[0]
        for size, cells in zip(masks.shape[1:], grid, strict=True)
    )
    for number, mask in enumerate(masks):
        spread = rows @ torch.tensor(mask, dtype=torch.float32) @ columns.T
        shares[number] = spread / spread.sum()
    return shares


def enlarged_extremes(maps: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Least and greatest value of maps (T, h, w) enlarged bilinearly to ``size``: (T,) each."""
    low, high = torch.empty(len(maps)), torch.empty(len(maps))
    for number, coarse in enumerate(maps):
        fine = functional.interpolate(coarse[None, None], size, mode="bilinear")
        low[number], high[number] = fine.aminmax()
    return low, high
