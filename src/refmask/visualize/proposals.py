"""Draw proposals over their image."""

from __future__ import annotations

import colorsys

import numpy as np
import numpy.typing as npt

from refmask.ops.masks import areas_of
from refmask.types import MaskProposals, UInt8Array, tight_boxes
from refmask.visualize.overlay import outline, readable_size, resized_image, resized_mask

#: Difference in hue of consecutive numbers, as a share of the circle.
GOLDEN = 0.618034
#: Weight of a mask's colour over the image.
TINT = 0.3


def draw(image: UInt8Array, proposals: MaskProposals) -> UInt8Array:
    """Draw all proposals, each in its own colour, smaller ones on top.

    Args:
        image: uint8 RGB (H, W, 3).
        proposals: N masks of its size.

    Returns:
        uint8 RGB (H, W, 3).
    """
    colours = np.array([colour(index) for index in range(len(proposals))]).reshape(-1, 3)
    canvas: npt.NDArray[np.float32] = image.astype(np.float32)
    top = np.full(proposals.size, -1)
    order = np.argsort(-areas_of(proposals.masks), kind="stable")
    for index in order:
        top[proposals.masks[index]] = index
    canvas[top >= 0] += TINT * (colours[top[top >= 0]] - canvas[top >= 0])
    boxes = tight_boxes(proposals.masks).astype(int)
    for index in order:
        left, above, right, below = boxes[index]
        window = np.s_[above:below, left:right]
        outline(canvas[window], proposals.masks[index][window], colours[index])
    return canvas.clip(0, 255).astype(np.uint8)


def draw_readably(image: UInt8Array, proposals: MaskProposals) -> UInt8Array:
    """As :func:`draw`, resized to a readable size before lines are drawn."""
    size = readable_size(image)
    masks = np.zeros((len(proposals), size[1], size[0]), np.bool_)
    for row, mask in zip(masks, proposals.masks, strict=True):
        row[:] = resized_mask(mask, size)
    return draw(resized_image(image, size), MaskProposals(masks))


def colour(index: int) -> list[float]:
    """Red, green and blue of a number, 0 to 255 each."""
    return [255 * part for part in colorsys.hsv_to_rgb(index * GOLDEN % 1, 0.8, 1.0)]
