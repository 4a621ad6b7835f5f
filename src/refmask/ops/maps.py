"""Coarse maps of an image, their means over masks, and upsampling of labels."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from refmask.types import FloatArray, MaskProposals, UInt8Array


def weighted_sums(proposals: MaskProposals, rows: Tensor, columns: Tensor) -> Tensor:
    """Sums over each mask's pixels, weighted by row and column; the cost follows its box's area.

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
    """The weight of each cell of a coarse map in the map's mean over a mask.

    The mean of an enlarged map over a mask is linear in the map. With these weights it is a product
    of h*w numbers per map and mask, without enlarging the map.

    Args:
        proposals: N masks of H x W pixels, none of them empty.
        grid: h, w of the map.

    Returns:
        float32 (N, h, w), not negative, 1 in sum. ``(map * share).sum()`` is the mean over the
        mask of the map enlarged bilinearly (corners not aligned) to H x W.
    """
    # (h, H) and (w, W): the contribution of each cell to each pixel
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


Integers = npt.NDArray[np.integer[Any]]

#: Colours this many steps of 0..255 apart have e^-0.5 of the weight of equal ones.
COLOUR_STEP = 20.0
#: Rows of the image per batch; bounds memory.
ROWS = 256


def enlarge(labels: Integers, small: UInt8Array, image: UInt8Array) -> Integers:
    """Labels of a small copy, upsampled to the image along its contours.

    Each pixel takes the label of largest weight among the four small pixels around it, weighted by
    distance and colour similarity, as in Kopf et al., "Joint Bilateral Upsampling" (SIGGRAPH 2007).

    Args:
        labels: int32 (h, w).
        small: uint8 RGB (h, w, 3), the small copy, of any aspect ratio.
        image: uint8 RGB (H, W, 3), the image.

    Returns:
        int32 (H, W).
    """
    if labels.shape == image.shape[:2]:
        return labels
    result = np.empty(image.shape[:2], np.int32)
    rows, columns = around(len(labels), len(image)), around(labels.shape[1], image.shape[1])
    for start in range(0, len(image), ROWS):
        piece = slice(start, start + ROWS)
        corners = [(y[piece], x, wy[piece], wx) for y, wy in rows for x, wx in columns]
        first, *others = candidates = [labels[np.ix_(y, x)] for y, x, _, _ in corners]
        result[piece] = first
        ys, xs = np.nonzero((first != others[0]) | (first != others[1]) | (first != others[2]))
        choices = np.stack([candidate[ys, xs] for candidate in candidates])
        colours = image[piece][ys, xs].astype(np.float32)
        weights = np.stack(
            [
                wy[ys] * wx[xs] * _similarity(colours, small[y[ys], x[xs]])
                for y, x, wy, wx in corners
            ]
        )
        # A label at several of the four corners has the sum of their weights.
        votes = ((choices[:, None] == choices[None]) * weights[None]).sum(axis=1)
        result[piece][ys, xs] = np.take_along_axis(choices, votes.argmax(axis=0)[None], 0)[0]
    return result


def around(small: int, large: int) -> list[tuple[npt.NDArray[np.intp], FloatArray]]:
    """The two small pixels around each pixel of one axis, with their linear weights."""
    position = ((np.arange(large) + 0.5) * (small / large) - 0.5).clip(0, small - 1)
    first = np.floor(position).astype(np.intp)
    part = (position - first).astype(np.float32)
    return [(first, 1 - part), (np.minimum(first + 1, small - 1), part)]


def _similarity(colours: FloatArray, others: UInt8Array) -> FloatArray:
    """Similarity of two lists of colours (P, 3): float32 (P,), above 0, about 1 at most."""
    distance = ((colours - others) ** 2).sum(axis=1)
    return np.asarray(np.exp(-distance / (2 * COLOUR_STEP**2)) + np.float32(1e-6))
