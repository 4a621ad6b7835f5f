"""``photo``: masks of photographs, from learnt boundaries.

The offline model's image classifier encodes the image once. From its feature maps a small network
predicts the boundaries of objects; a watershed along them segments the image into small regions
(Meyer 1991), and these are merged into hierarchies and scored as in ``grouping``. Some hierarchies
merge regions with similar class posteriors: a dog is brown and white, but dog all over.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from refmask.classifier import Classifier, load_classifier, region_posteriors
from refmask.errors import ConfigurationError
from refmask.ops.devices import choose_device, choose_precision, precision_name
from refmask.ops.images import checked
from refmask.ops.maps import Integers
from refmask.proposals import grouping
from refmask.proposals.grouping.hierarchy import Mix, coarsen, merge, shrink
from refmask.proposals.grouping.quality import Criteria
from refmask.proposals.grouping.regions import Regions, gradient, measure, to_lab
from refmask.proposals.photo.network import WEIGHTS, boundaries, load_network
from refmask.types import FloatArray, MaskProposals, UInt8Array
from refmask.weights.hashing import sha256_of

#: Incremented whenever the same image gets other masks than before.
VERSION = 1
#: The longer side of the working image, in pixels.
WORKING_SIDE = 560
#: Weight of colour contours, added to learnt boundaries for the watershed.
COLOUR_CONTOUR = 0.09
#: Standard deviation of the smoothing before the watershed, in pixels.
SIGMA = 1.0
#: Basins shallower than this, in boundary strength, join a neighbour.
DEPTH = 5 / 255
#: Hierarchies over the appearance of regions.
MIXES = (
    *grouping.MIXES,
    Mix(contour=1, mean=0.3),
    Mix(contour=1, texture=0.3, colour=0.3, size=0.3),
)
#: Hierarchies over class posteriors, which replace the texture histograms.
SEMANTIC_MIXES = (
    Mix(texture=1, contour=1, size=0.5),
    Mix(texture=1, contour=0.5, size=1, fill=0.5),
)
#: Learnt boundaries are more reliable than colour contours.
CRITERIA = Criteria(contour=2.0, compact=0.6, apart=0.75)


@dataclass(frozen=True)
class Photo:
    """Proposes masks along learnt boundaries; the same image always gives the same masks.

    Attributes:
        limit: the largest number of masks per image.
        precision: of the classifier: "fp32", "bf16", or "auto" (bf16 where the device multiplies
            it natively).
        device: of the classifier: "auto" (CUDA where there is one), or any torch device.

    Raises:
        ConfigurationError: when the limit is below 1, or for a precision or device that does not
            exist.
    """

    limit: int = 200
    precision: str = "auto"
    device: str = "auto"

    def __post_init__(self) -> None:
        if self.limit < 1:
            raise ConfigurationError(f"limit is at least 1, not {self.limit}")
        choose_precision(self.precision, choose_device(self.device))

    def configuration(self) -> dict[str, Any]:
        """All that the masks depend on."""
        return {
            "proposer": "photo",
            "version": VERSION,
            "limit": self.limit,
            "boundary": sha256_of(WEIGHTS),
            "classifier": self._classifier.weights_sha256,
            "precision": precision_name(self._classifier.precision),
        }

    def propose(self, image: UInt8Array) -> MaskProposals:
        """Masks of an image.

        Args:
            image: uint8 RGB (H, W, 3), any size from 1x1.

        Returns:
            At least one and at most ``limit`` masks, best quality first.

        Raises:
            ImageError: when the array is not a uint8 RGB image.
            MissingResource: when the classifier's package is not installed.
            WeightsError: when weights are damaged.
        """
        small = shrink(checked(image), WORKING_SIDE)
        height, width = small.shape[:2]
        pyramid = self._classifier.encode_pyramid(image)
        learnt = boundaries(load_network(self._classifier.device), pyramid, (height, width))
        regions = _cut(small, learnt)
        posteriors = region_posteriors(self._classifier.places_of(pyramid), regions.labels)
        semantic = regions.described(posteriors)
        return grouping.best_masks(
            image,
            small,
            regions,
            [merge(regions, mix) for mix in MIXES]
            + [merge(semantic, mix) for mix in SEMANTIC_MIXES],
            limit=self.limit,
            floor=0.0,
            criteria=CRITERIA,
        )

    @cached_property
    def _classifier(self) -> Classifier:
        return load_classifier(self.device, self.precision)


def _cut(small: UInt8Array, learnt: FloatArray) -> Regions:
    """The regions of a working image, at most ``grouping.MOST_REGIONS``, by its boundaries."""
    lab = to_lab(small)
    labels = basins(learnt + COLOUR_CONTOUR * gradient(lab)[0])
    regions = measure(lab, labels, learnt)
    if len(regions) <= grouping.MOST_REGIONS:
        return regions
    fewer = coarsen(regions, grouping.COARSENING, grouping.MOST_REGIONS)
    return measure(lab, fewer, learnt)


def basins(strength: FloatArray) -> Integers:
    """The basins of a boundary map, by watershed (Meyer 1991).

    Args:
        strength: float (h, w), 0 where there is no boundary.

    Returns:
        int32 (h, w), values 0..R-1, all of them used.
    """
    from scipy.ndimage import gaussian_filter, label
    from skimage.morphology import local_minima, reconstruction
    from skimage.segmentation import watershed

    smooth = gaussian_filter(strength.astype(np.float32), SIGMA)
    raised = smooth + np.float32(DEPTH)
    filled = reconstruction(raised, smooth, method="erosion")  # type: ignore[no-untyped-call]
    around = np.ones((3, 3))
    lowest = local_minima(filled, footprint=around)  # type: ignore[no-untyped-call]
    markers, count = label(lowest, around)
    if count < 2:
        return np.zeros(strength.shape, np.int32)
    labels = watershed(smooth, markers)  # type: ignore[no-untyped-call]
    return np.asarray(labels - 1, np.int32)
