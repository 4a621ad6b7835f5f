"""Proposals as files: all their arrays, and a drawing to look at."""

from __future__ import annotations

import colorsys
import io

import numpy as np
import numpy.typing as npt

from refmask.export.overlay import outline
from refmask.ops.masks import areas_of
from refmask.types import Bytes, MaskProposals

#: Neighbouring numbers get hues that far apart, as a share of the circle.
GOLDEN = 0.618034
#: How much of a mask's colour lies over the picture.
TINT = 0.3


def npz(proposals: MaskProposals) -> bytes:
    """An ``.npz`` file of proposals, which ``masks:PATH`` reads again.

    Its arrays: ``masks_packed`` uint8 (N, ceil(H * W / 8)), each mask flattened row by row and
    packed by ``numpy.packbits``; ``masks_shape`` (N, H, W); ``scores`` float32 (N,), the
    proposer's quality; ``boxes`` float32 (N, 4), XYXY pixels; and what else the proposer tells
    (``details``), which goes before an array of the same name.
    """
    count, height, width = proposals.masks.shape
    arrays: dict[str, npt.NDArray[np.generic]] = {
        "masks_packed": np.packbits(proposals.masks.reshape(count, height * width), axis=1),
        "masks_shape": np.array((count, height, width), np.int64),
        "scores": proposals.quality,
        "boxes": proposals.boxes,
        **proposals.details,
    }
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)  # type: ignore[arg-type]  # its flag is no array
    return content.getvalue()


def draw(image: Bytes, proposals: MaskProposals) -> Bytes:
    """All proposals over their picture, each in its own colour, smaller ones on top.

    Args:
        image: uint8 RGB (H, W, 3).
        proposals: N masks of its size.

    Returns:
        uint8 RGB (H, W, 3).
    """
    colours = np.array([_colour(index) for index in range(len(proposals))]).reshape(-1, 3)
    picture: npt.NDArray[np.float32] = image.astype(np.float32)
    top = np.full(proposals.size, -1)
    order = np.argsort(-areas_of(proposals.masks), kind="stable")
    for index in order:
        top[proposals.masks[index]] = index
    picture[top >= 0] += TINT * (colours[top[top >= 0]] - picture[top >= 0])
    for index in order:
        outline(picture, proposals.masks[index], colours[index])
    return picture.clip(0, 255).astype(np.uint8)


def _colour(index: int) -> list[float]:
    """Red, green and blue, 0 to 255."""
    return [255 * part for part in colorsys.hsv_to_rgb(index * GOLDEN % 1, 0.8, 1.0)]
