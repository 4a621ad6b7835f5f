"""Proposals as an ``.npz`` file."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt

from refmask.types import MaskProposals


def npz(proposals: MaskProposals) -> bytes:
    """An ``.npz`` file of proposals, as ``masks:PATH`` reads it.

    Arrays: ``masks_packed`` uint8 (N, ceil(H * W / 8)), each mask flattened row by row and
    packed by ``numpy.packbits``; ``masks_shape`` (N, H, W); ``scores`` float32 (N,), the
    proposer's quality; ``boxes`` float32 (N, 4), XYXY pixels; and the proposer's ``details``, which
    override arrays of the same name.
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
