"""Quality: which candidates look like objects, from the region graph alone, without learning.

An object has a contour all around and uniform surroundings, is compact, does not touch the image's
border, is neither a speck nor the whole image, and several hierarchies find it, each a little
differently.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from refmask.ops.masks import pairwise_iou, suppress
from refmask.proposals.grouping.regions import Regions
from refmask.types import BoolArray, FloatArray

#: The most frequent share of the image of an object; half the quality at about a sixth of it.
USUAL_SHARE = 0.03
SMALLER, LARGER = 1.5, 4.0
#: Standard deviation of surrounding colours, in Lab units, at which quality falls to 1/e.
EVEN_AROUND = 80.0
#: Candidates above this IoU vote for each other.
SAME = 0.8
#: Exponent of the number of votes.
VOTE = 0.3
#: Quality of each further candidate of about the same size, relative to the one before.
OCTAVE_DISCOUNT = 0.93
#: Candidates per octave of size that are compared with each other.
PER_OCTAVE = 160


@dataclass(frozen=True)
class Criteria:
    """Criteria of a candidate's quality.

    Attributes:
        contour: exponent of the mean contour strength around it.
        compact: exponent of its compactness.
        apart: a candidate with a larger IoU with a better one is dropped.
    """

    contour: float = 1.0
    compact: float = 0.3
    apart: float = SAME


def select(
    regions: Regions, candidates: BoolArray, limit: int, criteria: Criteria
) -> tuple[BoolArray, FloatArray]:
    """The best candidates without near-repetitions, of all sizes.

    Args:
        regions: R regions.
        candidates: bool (C, R).
        limit: the largest number to keep.
        criteria: of quality.

    Returns:
        bool (N, R) and quality float64 (N,) in 0 to 1, best first.
    """
    size = candidates @ regions.areas
    octaves = np.floor(np.log2(size)).astype(int)
    quality = judge(regions, candidates, criteria)
    near = np.flatnonzero(_rank_within(octaves, quality) < PER_OCTAVE)
    candidates, octaves, quality = candidates[near], octaves[near], quality[near]
    iou = pairwise_iou(candidates, regions.areas)
    votes = (iou > SAME).sum(axis=1)
    quality = quality * votes**VOTE
    kept = suppress(iou, quality, criteria.apart)
    candidates, octaves, quality = candidates[kept], octaves[kept], quality[kept]
    # Textured images have hundreds of good specks; the discount balances sizes.
    quality = quality * OCTAVE_DISCOUNT ** _rank_within(octaves, quality)
    order = np.argsort(-quality, kind="stable")[:limit]
    best = quality[order]
    return candidates[order], best / max(best[0], 1e-9)


def judge(regions: Regions, candidates: BoolArray, criteria: Criteria) -> FloatArray:
    """Quality of each candidate by itself: float64 (C,), 0 to 1."""
    from scipy.sparse import coo_array

    count = len(regions)
    a, b = regions.edges.T
    ends = (np.concatenate([a, b]), np.concatenate([b, a]))

    def beyond(values: FloatArray) -> FloatArray:
        """Sum of an edge value to each region outside, (C, R)."""
        graph = coo_array((np.tile(values, 2), ends), (count, count)).tocsr()
        return np.asarray((candidates.astype(float) @ graph) * ~candidates)

    border = beyond(regions.lengths)
    length = border.sum(axis=1)
    some = np.maximum(length, 1)
    closed = beyond(regions.lengths * regions.contours).sum(axis=1) / some
    mean = border @ regions.colours / some[:, None]
    square = border @ regions.colours**2 / some[:, None]
    around = np.sqrt(np.maximum(square - mean**2, 0).sum(axis=1))
    size = candidates @ regions.areas
    along = (candidates @ regions.sides).sum(axis=1)
    # 0.8: a length counted in pixel sides is about 5/4 of the smooth one.
    compact = 4 * np.pi * size / np.maximum(0.8 * (length + along), 1) ** 2
    distance = np.log(size / regions.areas.sum() / USUAL_SHARE)
    usual = np.exp(-((distance / np.where(distance < 0, SMALLER, LARGER)) ** 2) / 2)
    free = 1 - along / np.maximum(length + along, 1)
    quality = closed**criteria.contour * np.exp(-around / EVEN_AROUND)
    quality = quality * compact.clip(0.02, 1) ** criteria.compact * usual * free
    return np.asarray(quality)


def _rank_within(groups: npt.NDArray[np.int_], quality: FloatArray) -> npt.NDArray[np.int_]:
    """Rank of each item among those of its group, best 0: int (C,)."""
    order = np.lexsort((-quality, groups))
    sorted_groups = groups[order]
    starts = np.searchsorted(sorted_groups, sorted_groups, side="left")
    ranks = np.empty(len(groups), np.int_)
    ranks[order] = np.arange(len(groups)) - starts
    return ranks
