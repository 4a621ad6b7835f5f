"""Refinement of proposals from any proposer: connected parts, areas, repetitions, number."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from refmask.errors import ConfigurationError, MaskError
from refmask.ops.masks import areas_of
from refmask.types import (
    BoolArray,
    ConfiguredProposer,
    IntArray,
    MaskProposals,
    MaskProposer,
    UInt8Array,
    sealed,
    tight_boxes,
)

Rows = npt.NDArray[np.intp]

PARTS = ("together", "largest", "split")
#: Pixels of all parts of an image's masks together: 8 GB.
MOST_PIXELS = 2**33


@dataclass(frozen=True)
class Refinement:
    """Select proposals, in this order: connected parts, areas, near-repetitions, number.

    Attributes:
        min_area: drop masks that cover a smaller share of the image, 0 to 1.
        max_area: drop masks that cover a larger share of the image, 0 to 1.
        duplicates: drop a mask whose IoU with a better kept one is larger than this, 0 to 1.
        limit: keep at most this many, the best by quality.
        parts: masks of several connected parts (8 neighbours): "together" leaves them; "largest"
            keeps the largest part; "split" makes each part a mask, with the quality and details of
            the whole. A part that repeats another is kept once.

    Raises:
        ConfigurationError: for a value out of range.
    """

    min_area: float = 0.0
    max_area: float = 1.0
    duplicates: float | None = None
    limit: int | None = None
    parts: str = "together"

    def __post_init__(self) -> None:
        faults = []
        if not 0 <= self.min_area <= self.max_area <= 1:
            faults.append(
                f"min_area and max_area are from 0 to 1, not {self.min_area} and {self.max_area}"
            )
        if self.duplicates is not None and not 0 <= self.duplicates <= 1:
            faults.append(f"duplicates is an IoU from 0 to 1, not {self.duplicates}")
        if self.limit is not None and self.limit < 1:
            faults.append(f"limit is at least 1, not {self.limit}")
        if self.parts not in PARTS:
            faults.append(f"parts is one of {', '.join(PARTS)}, not {self.parts!r}")
        if faults:
            raise ConfigurationError("; ".join(faults))

    def settings(self) -> dict[str, Any]:
        """``refinement.NAME`` for each setting that is not the default."""
        defaults = asdict(Refinement())
        return {
            f"refinement.{name}": value
            for name, value in asdict(self).items()
            if value != defaults[name]
        }

    def __call__(self, proposals: MaskProposals) -> MaskProposals:
        """The selected proposals.

        Args:
            proposals: any; empty ones are dropped.

        Returns:
            Best quality first, ties in their order. With default settings the proposals unchanged,
            in their order.

        Raises:
            MaskError: when splitting masks makes more parts than memory should hold.
        """
        if self == Refinement():
            return proposals
        if self.parts != "together":
            proposals = self._in_parts(proposals)
        areas = areas_of(proposals.masks)
        rows = np.argsort(-proposals.quality, kind="stable")
        rows = rows[self._in_range(areas[rows], proposals.size)]
        if self.duplicates is not None:
            rows = _without_repetitions(proposals, areas, rows, self.duplicates)
        return proposals[rows[: self.limit]]

    def _in_range(self, areas: IntArray, size: tuple[int, int]) -> BoolArray:
        """Which areas, in pixels of an image of this size, are from min_area to max_area."""
        share = areas / (size[0] * size[1])
        return np.asarray((areas > 0) & (share >= self.min_area) & (share <= self.max_area))

    def _in_parts(self, proposals: MaskProposals) -> MaskProposals:
        """Connected parts in the range of areas, no more than needed, best first."""
        candidates = islice(self._parts(proposals), self.limit if self.duplicates is None else None)
        rows: list[int] = []
        parts: list[BoolArray] = []
        most = MOST_PIXELS // (proposals.size[0] * proposals.size[1])
        for row, part in candidates:
            if len(parts) == most:
                raise MaskError(
                    f"the masks fall into more than {most} parts, too many to hold; drop small "
                    "parts by min_area, or give a limit without duplicates"
                )
            rows.append(row)
            parts.append(part)
        masks = sealed(np.array(parts, np.bool_)).reshape(len(parts), *proposals.size)
        details = {name: values[rows] for name, values in proposals.details.items()}
        return MaskProposals(masks, quality=proposals.quality[rows], details=details)

    def _parts(self, proposals: MaskProposals) -> Iterator[tuple[int, BoolArray]]:
        """Row and mask of every distinct part in the range, best and then largest first."""
        from scipy import ndimage

        neighbours = np.ones((3, 3), np.bool_)
        seen: set[tuple[Any, ...]] = set()
        for row in np.argsort(-proposals.quality, kind="stable"):
            labels, _ = ndimage.label(proposals.masks[row], neighbours)
            areas = np.bincount(labels.ravel())[1:]
            order = np.argsort(-areas, kind="stable")
            order = order[:1] if self.parts == "largest" else order
            windows = ndimage.find_objects(labels)
            for part in order[self._in_range(areas[order], proposals.size)]:
                window = windows[part]
                inside = labels[window] == part + 1
                corner = window[0].start, window[1].start
                key = (*corner, *inside.shape, np.packbits(inside).tobytes())
                if key not in seen:
                    seen.add(key)
                    mask = np.zeros(proposals.size, np.bool_)
                    mask[window] = inside
                    yield int(row), mask


def _without_repetitions(
    proposals: MaskProposals, areas: IntArray, rows: Rows, threshold: float
) -> Rows:
    """Greedy non-maximum suppression by mask IoU, exact and without copies of whole masks.

    Args:
        proposals: N masks.
        areas: (N,), their pixels, above 0 for all ``rows``.
        rows: the candidates, best first.
        threshold: a mask with a larger IoU with a better kept one is dropped.

    Returns:
        The kept rows, in the same order.
    """
    kept: list[int] = []
    while len(rows):
        best, rows = rows[0], rows[1:]
        kept.append(best)
        # IoU cannot be larger than the ratio of the areas.
        ratio = np.minimum(areas[rows], areas[best]) / np.maximum(areas[rows], areas[best])
        rivals = np.flatnonzero(ratio > threshold)
        x1, y1, x2, y2 = tight_boxes(proposals.masks[best : best + 1])[0].astype(int)
        mask = proposals.masks[best, y1:y2, x1:x2]
        shared = np.array(
            [
                np.count_nonzero(proposals.masks[rival, y1:y2, x1:x2] & mask)
                for rival in rows[rivals]
            ]
        )
        iou = shared / (areas[rows[rivals]] + areas[best] - shared)
        rows = np.delete(rows, rivals[iou > threshold])
    return np.array(kept, np.intp)


@dataclass(frozen=True)
class Refined:
    """A proposer whose masks are refined.

    Attributes:
        proposer: any.
        refinement: applied to all it proposes.
    """

    proposer: MaskProposer
    refinement: Refinement

    def configuration(self) -> dict[str, Any]:
        """The proposer's, with ``Refinement.settings``.

        Raises:
            ConfigurationError: when the proposer has no configuration.
        """
        return configuration_of(self.proposer) | self.refinement.settings()

    def propose(self, image: UInt8Array) -> MaskProposals:
        """Refined masks of a uint8 RGB (H, W, 3) image, best quality first.

        Raises:
            InputError: when the proposer refuses the image.
            MaskError: when splitting masks makes more parts than memory should hold.
        """
        return self.refinement(self.proposer.propose(image))


def configuration_of(proposer: MaskProposer) -> dict[str, Any]:
    """A proposer's configuration: all that its masks depend on.

    Raises:
        ConfigurationError: when it has none.
    """
    if not isinstance(proposer, ConfiguredProposer):
        raise ConfigurationError(
            f"{type(proposer).__name__} does not state what its masks depend on; give it a method "
            "configuration(), use it without a store, or put its masks into one (store:PATH)"
        )
    return proposer.configuration()
