"""Lay out several drawings on one sheet."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from refmask.types import UInt8Array


def sheet(drawings: Sequence[UInt8Array], columns: int, gap: int = 16) -> UInt8Array:
    """Lay drawings out in rows on white.

    Args:
        drawings: uint8 RGB of any size, at least one.
        columns: drawings per row.
        gap: pixels between and around them.

    Returns:
        uint8 RGB; every row is as high as its highest drawing, every column as wide as its widest.
    """
    rows = [drawings[start : start + columns] for start in range(0, len(drawings), columns)]
    widths = [max(row[c].shape[1] for row in rows if c < len(row)) for c in range(len(rows[0]))]
    heights = [max(drawing.shape[0] for drawing in row) for row in rows]
    size = (sum(heights) + gap * (len(heights) + 1), sum(widths) + gap * (len(widths) + 1), 3)
    paper = np.full(size, 255, np.uint8)
    top = gap
    for row, height in zip(rows, heights, strict=True):
        left = gap
        for drawing, width in zip(row, widths[: len(row)], strict=True):
            paper[top : top + drawing.shape[0], left : left + drawing.shape[1]] = drawing
            left += width + gap
        top += height + gap
    return paper
