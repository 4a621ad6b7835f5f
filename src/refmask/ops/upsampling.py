"""Labels of a small copy of a picture, carried over to the picture."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from refmask.types import FloatArray, UInt8Array

Integers = npt.NDArray[np.integer[Any]]

#: Colours that many steps of 0..255 apart count e^-0.5 as much as equal ones.
COLOUR_STEP = 20.0
#: Rows of the picture worked on in one go; bounds the memory taken.
ROWS = 256


def enlarge(labels: Integers, small: UInt8Array, image: UInt8Array) -> Integers:
    """Labels of a small copy carried over to the picture, along the picture's own contours.

    Each pixel takes the label that weighs most among the four small pixels around it, which
    weigh by nearness and by likeness of colour, as in Kopf et al., "Joint Bilateral Upsampling"
    (SIGGRAPH 2007).

    Args:
        labels: int32 (h, w).
        small: uint8 RGB (h, w, 3), the small copy, of any aspect ratio.
        image: uint8 RGB (H, W, 3), the picture.

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
