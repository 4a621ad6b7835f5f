"""Maps over an image, coarser than its pixels, and their means over masks."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from refmask.types import FloatArray, MaskProposals, UInt8Array


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


Integers = npt.NDArray[np.integer[Any]]

#: Colours that many steps of 0..255 apart count e^-0.5 as much as equal ones.
COLOUR_STEP = 20.0
#: Rows of the image worked on in one go; bounds the memory taken.
ROWS = 256


def enlarge(labels: Integers, small: UInt8Array, image: UInt8Array) -> Integers:
    """Labels of a small copy carried over to the image, along the image's own contours.

    Each pixel takes the label that weighs most among the four small pixels around it, which
    weigh by nearness and by likeness of colour, as in Kopf et al., "Joint Bilateral Upsampling"
    (SIGGRAPH 2007).

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
        found = [labels[np.ix_(y, x)] for y, x, _, _ in corners]
        result[piece] = found[0]
        open_ = np.nonzero((found[0] != found[1]) | (found[0] != found[2]) | (found[0] != found[3]))
        choices = np.stack([labels_[open_] for labels_ in found])
        colours = image[piece][open_].astype(np.float32)
        weights = np.stack(
            [
                wy[open_[0]] * wx[open_[1]] * _alike(colours, small[y[open_[0]], x[open_[1]]])
                for y, x, wy, wx in corners
            ]
        )
        # A label that holds several of the four corners has the sum of their weights.
        votes = ((choices[:, None] == choices[None]) * weights[None]).sum(axis=1)
        result[piece][open_] = np.take_along_axis(choices, votes.argmax(axis=0)[None], 0)[0]
    return result


def around(small: int, large: int) -> list[tuple[npt.NDArray[np.intp], FloatArray]]:
    """The two small pixels around each pixel of one axis, with their linear weights."""
    place = ((np.arange(large) + 0.5) * (small / large) - 0.5).clip(0, small - 1)
    first = np.floor(place).astype(np.intp)
    part = (place - first).astype(np.float32)
    return [(first, 1 - part), (np.minimum(first + 1, small - 1), part)]


def _alike(colours: FloatArray, others: UInt8Array) -> FloatArray:
    """Likeness of two lists of colours (P, 3): float32 (P,), above 0, at most 1."""
    distance = ((colours - others) ** 2).sum(axis=1)
    return np.asarray(np.exp(-distance / (2 * COLOUR_STEP**2)) + np.float32(1e-6))
