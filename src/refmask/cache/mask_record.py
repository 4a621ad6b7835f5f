"""Mask proposals as an entry of a store, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from refmask.cache import mask_coding
from refmask.cache.container import MASKS, Damaged, pack, unpack
from refmask.errors import MaskError
from refmask.limits import limit
from refmask.types import MaskProposals, sealed, tight_boxes

#: More pixels of masks than any proposer offers: a hundred of the largest image fill 5 GB. What
#: claims to hold more is not opened.
MOST_PIXELS = 2**33
_DETAIL = "details/"


def write(proposals: MaskProposals, owner: Mapping[str, Any]) -> bytes:
    """An entry with these proposals, all fields exact; the smaller of both codings.

    Args:
        proposals: N masks.
        owner: whose they are; see :func:`refmask.cache.container.pack`.

    Raises:
        MaskError: when they are too many, or a detail is no array of numbers.
    """
    if len(proposals) > limit("masks") or proposals.masks.size > MOST_PIXELS:
        raise MaskError(
            f"expected at most {limit('masks')} masks, {MOST_PIXELS} pixels together, to keep, got "
            f"{proposals.masks.shape}; give the proposer a lower limit"
        )
    fields = {"quality": proposals.quality}
    if not np.array_equal(proposals.boxes, tight_boxes(proposals.masks)):
        fields["boxes"] = proposals.boxes
    fields |= {_DETAIL + name: np.asarray(value) for name, value in proposals.details.items()}
    if not len(proposals):
        return pack(MASKS, owner, fields)
    codings = (mask_coding.together, mask_coding.apart)
    return min((pack(MASKS, owner, fields | code(proposals.masks)) for code in codings), key=len)


def read(content: bytes, owner: Mapping[str, Any], height: int, width: int) -> MaskProposals:
    """The proposals of an entry.

    Args:
        content: from anywhere.
        owner: whose they must be.
        height: of the image.
        width: of the image.

    Raises:
        Damaged: when the entry is not what :func:`write` wrote for this owner.
    """
    arrays = unpack(MASKS, content, owner)
    quality = arrays.get("quality")
    if quality is None or quality.shape != (quality.size,):
        raise Damaged("it has no quality for its masks")
    shape = (len(quality), height, width)
    if shape[0] > limit("masks") or shape[0] * height * width > MOST_PIXELS:
        raise Damaged("it claims to hold too many masks")
    masks = mask_coding.decode(arrays, shape) if len(quality) else np.zeros(shape, np.bool_)
    details = {
        name.removeprefix(_DETAIL): values
        for name, values in arrays.items()
        if name.startswith(_DETAIL)
    }
    try:
        return MaskProposals(sealed(masks), arrays.get("boxes", np.empty(0)), quality, details)
    except (MaskError, ValueError) as error:
        raise Damaged(f"its arrays do not fit together: {error}") from None
