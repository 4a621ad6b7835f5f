"""``grouping``: masks without training and without weights.

The image is cut into small regions (Felzenszwalb and Huttenlocher 2004), which are joined two by
two into hierarchies (Uijlings et al. 2013); their nodes, holes and leftovers are judged by contour,
surroundings and shape, and the best, without near-repetitions, are the proposals.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from refmask.errors import ConfigurationError
from refmask.ops.images import checked
from refmask.proposals.grouping.hierarchy import Mix, coarsen, merge, shrink
from refmask.proposals.grouping.proposing import best_masks
from refmask.proposals.grouping.quality import Criteria
from refmask.proposals.grouping.regions import cut, measure, to_lab
from refmask.types import MaskProposals, UInt8Array

#: Counted up whenever the same image gets other masks than before.
VERSION = 1
#: The longer side of the working image, in pixels.
WORKING_SIDE = 400
#: No single mix suits all objects; these four together lose little against eight.
MIXES = (
    Mix(colour=1, texture=1, mean=1, size=1, fill=1, contour=1),
    Mix(mean=1, size=0.5, contour=0.5),
    Mix(size=1, fill=1, contour=1),
    Mix(contour=1, size=1),
)
#: Busy images have more regions than pay; the most alike are joined first, down to this number.
MOST_REGIONS = 300
COARSENING = Mix(mean=1, size=1, contour=1)


@dataclass(frozen=True)
class Grouping:
    """Proposes masks by hierarchical grouping; the same image always gives the same masks.

    Attributes:
        limit: the largest number of masks per image.
        floor: masks below this share of the best one's quality are left out: they are hardly ever
            what is meant, and each one costs an encoding.

    Raises:
        ConfigurationError: when the limit is below 1 or the floor outside 0 to 1.
    """

    limit: int = 100
    floor: float = 0.1

    def __post_init__(self) -> None:
        if self.limit < 1 or not 0 <= self.floor <= 1:
            raise ConfigurationError(
                "expected a limit of 1 or more and a floor from 0 to 1, "
                f"got {self.limit} and {self.floor}"
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
