"""Masks at the image's size, without float maps of that size.

The network's probabilities are resized twice, both bilinearly: by an integer factor, after which
the padding is cropped, and to the image's size. Each resize is linear and separable, so that both
together are one small matrix per axis. They are applied tile by tile; tiles without a probability
above the threshold are skipped.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from refmask.proposals.freesolo.decode import INSIDE
from refmask.types import BoolArray

#: Rows and columns of a tile.
TILE = 96


class Axis:
    """The two resizes along one axis, from ``places`` to ``pixels``.

    Args:
        places: positions of the probabilities.
        factor: of the first resize.
        kept: positions of the first resize's result without padding.
        pixels: of the image.
    """

    def __init__(self, places: int, factor: int, kept: int, pixels: int) -> None:
        self.places, self.factor, self.kept, self.pixels = places, factor, kept, pixels

    def tiles(self) -> list[tuple[slice, slice, Tensor]]:
        """The axis in tiles: pixels, the positions they depend on, and float32 (pixels, places)."""
        parts = []
        for start in range(0, self.pixels, TILE):
            target = slice(start, min(start + TILE, self.pixels))
            indices, weights = self._taps(target)
            source = slice(int(indices.min()), int(indices.max()) + 1)
            matrix = np.zeros((len(indices), source.stop - source.start))
            np.add.at(matrix, (np.arange(len(indices))[:, None], indices - source.start), weights)
            parts.append((target, source, torch.from_numpy(matrix).float()))
        return parts

    def _taps(self, target: slice) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """Four positions (n, 4) that each pixel depends on, and their weights."""
        middle, outer = _bilinear(np.arange(target.start, target.stop), self.kept, self.pixels)
        indices, inner = _bilinear(middle, self.places, self.places * self.factor)
        return indices.reshape(len(middle), 4), (outer[:, :, None] * inner).reshape(-1, 4)


def _bilinear(
    targets: npt.NDArray[Any], before: int, after: int
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Two neighbours among ``before`` of each target among ``after``, and their weights."""
    centres = np.maximum((targets + 0.5) * (before / after) - 0.5, 0)
    first = np.minimum(centres.astype(np.intp), before - 1)
    second = np.minimum(first + 1, before - 1)
    share = centres - first
    return np.stack([first, second], axis=-1), np.stack([1 - share, share], axis=-1)


def paint(soft: Tensor, resized: tuple[int, ...], original: tuple[int, ...]) -> BoolArray:
    """Masks of the image's size out of probabilities at the features' size.

    Args:
        soft: float32 (N, h, w), 0 to 1, padding included.
        resized: height and width of the network's input without padding.
        original: height and width of the image.

    Returns:
        bool (N, *original); a mask may be empty.
    """
    factor = max(
        math.ceil(side / places) for side, places in zip(resized, soft.shape[1:], strict=True)
    )
    rows, columns = (
        Axis(places, factor, kept, pixels).tiles()
        for places, kept, pixels in zip(soft.shape[1:], resized, original, strict=True)
    )
    masks = np.zeros((len(soft), *original), np.bool_)
    for high, up, down_matrix in rows:
        down_matrix = down_matrix.to(soft.device)
        for wide, across, right_matrix in columns:
            window = soft[:, up, across]
            chosen = (window.amax(dim=(1, 2)) > INSIDE).nonzero()[:, 0]
            values = down_matrix @ window[chosen] @ right_matrix.to(soft.device).T
            masks[chosen.cpu().numpy(), high, wide] = (values > INSIDE).cpu().numpy()
    return masks
