"""From regions and the nodes of their hierarchies to masks of the image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from refmask.ops.maps import enlarge
from refmask.proposals.grouping.candidates import gather
from refmask.proposals.grouping.hierarchy import paint
from refmask.proposals.grouping.quality import Criteria, select
from refmask.proposals.grouping.regions import Regions, bounding_boxes
from refmask.types import BoolArray, MaskProposals, UInt8Array, sealed


def best_masks(
    image: UInt8Array,
    small: UInt8Array,
    regions: Regions,
    hierarchies: Sequence[BoolArray],
    *,
    limit: int,
    floor: float,
    criteria: Criteria,
) -> MaskProposals:
    """The best masks that regions and hierarchies over them make possible.

    Args:
        image: uint8 RGB (H, W, 3).
        small: uint8 RGB (h, w, 3), its working copy.
        regions: R regions of the working copy.
        hierarchies: bool (M, R) each, from ``hierarchy.merge``.
        limit: the largest number of masks.
        floor: masks below this share of the best one's quality are left out.
        criteria: what makes one better than another.

    Returns:
        At least one and at most ``limit`` masks of the image, best quality first.
    """
    nodes = np.concatenate([np.eye(len(regions), dtype=np.bool_), *hierarchies])
    chosen, quality = select(regions, gather(regions, nodes), limit, criteria)
    good = quality >= floor * quality[0]
    labels = enlarge(regions.labels, small, image)
    masks = paint(chosen[good], labels, bounding_boxes(labels, len(regions)))
    return MaskProposals(sealed(masks), quality=quality[good].astype(np.float32))
