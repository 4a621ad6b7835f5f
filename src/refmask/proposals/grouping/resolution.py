"""Between the picture and its small working copy."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from refmask.proposals.grouping.regions import Integers
from refmask.types import Bools, Bytes, Floats

#: Colours that many steps of 0..255 apart count e^-0.5 as much as equal ones.
COLOUR_STEP = 20.0
#: Rows of the picture worked on in one go; bounds the memory taken.
ROWS = 256


def shrink(image: Bytes, side: int) -> Bytes:
    """The working copy: the longer side at most ``side`` pixels, never enlarged."""
    from PIL import Image

    height, width = image.shape[:2]
    factor = side / max(height, width)
    if factor >= 1:
        return image
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BOX))


def enlarge(labels: Integers, small: Bytes, image: Bytes) -> Integers:
    """Labels of the working copy carried over to the picture, along the picture's own contours.

    Each pixel takes the label that weighs most among the four working pixels around it, which
    weigh by nearness and by likeness of colour, as in Kopf et al., "Joint Bilateral Upsampling"
    (SIGGRAPH 2007).

    Args:
        labels: int32 (h, w).
        small: uint8 RGB (h, w, 3), the working copy.
        image: uint8 RGB (H, W, 3), the picture.

    Returns:
        int32 (H, W).
    """
    if labels.shape == image.shape[:2]:
        return labels
    result = np.empty(image.shape[:2], np.int32)
    rows, columns = _around(len(labels), len(image)), _around(labels.shape[1], image.shape[1])
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


def paint(members: Bools, labels: Integers, boxes: Integers) -> Bools:
    """Masks of sets of regions.

    Args:
        members: bool (N, R), the regions of each mask.
        labels: int32 (H, W), values 0..R-1.
        boxes: int (R, 4), XYXY, half-open, around each region.

    Returns:
        bool (N, H, W).
    """
    masks = np.zeros((len(members), *labels.shape), np.bool_)
    for mask, member in zip(masks, members, strict=True):
        x1, y1 = boxes[member, :2].min(axis=0)
        x2, y2 = boxes[member, 2:].max(axis=0)
        mask[y1:y2, x1:x2] = member[labels[y1:y2, x1:x2]]
    return masks


def _around(small: int, large: int) -> list[tuple[npt.NDArray[np.intp], Floats]]:
    """The two working pixels around each pixel of one axis, with their linear weights."""
    place = ((np.arange(large) + 0.5) * (small / large) - 0.5).clip(0, small - 1)
    first = np.floor(place).astype(np.intp)
    part = (place - first).astype(np.float32)
    return [(first, 1 - part), (np.minimum(first + 1, small - 1), part)]


def _alike(colours: Floats, others: Bytes) -> Floats:
    """Likeness of two lists of colours (P, 3): float32 (P,), above 0, at most 1."""
    distance = ((colours - others) ** 2).sum(axis=1)
    return np.asarray(np.exp(-distance / (2 * COLOUR_STEP**2)) + np.float32(1e-6))
