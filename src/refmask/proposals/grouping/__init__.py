"""``grouping``: masks without training and without weights.

The image is segmented into small regions (Felzenszwalb and Huttenlocher 2004), which are merged
pairwise into hierarchies (Uijlings et al. 2013). Their nodes, holes and complements are scored by
contour, surroundings and shape; the best, without near-repetitions, are the proposals.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from refmask.errors import ConfigurationError
from refmask.ops.images import checked
from refmask.ops.maps import enlarge
from refmask.proposals.grouping.candidates import gather
from refmask.proposals.grouping.hierarchy import Mix, coarsen, merge, paint, shrink
from refmask.proposals.grouping.quality import Criteria, select
from refmask.proposals.grouping.regions import (
    Regions,
    bounding_boxes,
    cut,
    measure,
    to_lab,
)
from refmask.types import BoolArray, MaskProposals, UInt8Array, sealed

#: Incremented whenever the same image gets other masks than before.
VERSION = 1
#: The longer side of the working image, in pixels.
WORKING_SIDE = 400
#: No single mix suits all objects; these four are nearly as good as eight.
MIXES = (
    Mix(colour=1, texture=1, mean=1, size=1, fill=1, contour=1),
    Mix(mean=1, size=0.5, contour=0.5),
    Mix(size=1, fill=1, contour=1),
    Mix(contour=1, size=1),
)
#: Images with more regions have the most similar ones merged, down to this number.
MOST_REGIONS = 300
COARSENING = Mix(mean=1, size=1, contour=1)


@dataclass(frozen=True)
class Grouping:
    """Proposes masks by hierarchical grouping; the same image always gives the same masks.

    Attributes:
        limit: the largest number of masks per image.
        floor: drop masks below this share of the best one's quality: they are hardly ever the
            target, and each costs an encoding.

    Raises:
        ConfigurationError: when the limit is below 1 or the floor outside 0 to 1.
    """

    limit: int = 100
    floor: float = 0.1

    def __post_init__(self) -> None:
        if self.limit < 1 or not 0 <= self.floor <= 1:
            raise ConfigurationError(
                f"limit is at least 1 and floor from 0 to 1, not {self.limit} and {self.floor}"
            )

    def configuration(self) -> dict[str, Any]:
        """All that the masks depend on."""
        return {"proposer": "grouping", "version": VERSION, **asdict(self)}

    def propose(self, image: UInt8Array) -> MaskProposals:
        """Masks of an image.

        Args:
            image: uint8 RGB (H, W, 3), any size from 1x1.

        Returns:
            At least one and at most ``limit`` masks, best quality first.

        Raises:
            ImageError: when the array is not a uint8 RGB image.
        """
        small = shrink(checked(image), WORKING_SIDE)
        lab = to_lab(small)
        regions = measure(lab, cut(lab, scale=45, sigma=0.6, min_size=20))
        if len(regions) > MOST_REGIONS:
            regions = measure(lab, coarsen(regions, COARSENING, MOST_REGIONS))
        return best_masks(
            image,
            small,
            regions,
            [merge(regions, mix) for mix in MIXES],
            limit=self.limit,
            floor=self.floor,
            criteria=Criteria(),
        )


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
    """The best masks among the candidates of region hierarchies.

    Args:
        image: uint8 RGB (H, W, 3).
        small: uint8 RGB (h, w, 3), its working copy.
        regions: R regions of the working copy.
        hierarchies: bool (M, R) each, from ``hierarchy.merge``.
        limit: the largest number of masks.
        floor: drop masks below this share of the best one's quality.
        criteria: of quality.

    Returns:
        At least one and at most ``limit`` masks of the image, best quality first.
    """
    nodes = np.concatenate([np.eye(len(regions), dtype=np.bool_), *hierarchies])
    chosen, quality = select(regions, gather(regions, nodes), limit, criteria)
    good = quality >= floor * quality[0]
    labels = enlarge(regions.labels, small, image)
    masks = paint(chosen[good], labels, bounding_boxes(labels, len(regions)))
    return MaskProposals(sealed(masks), quality=quality[good].astype(np.float32))
