"""The sums behind the metrics: what merges when an evaluation is spread over many machines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

import numpy as np

from refmask.errors import InputError
from refmask.metrics.metrics import METRICS, terms
from refmask.metrics.results import QueryResults
from refmask.ops.reading import MISSHAPEN


@dataclass(frozen=True)
class Tally:
    """Sums over queries; tallies add up, and ``Tally()`` is their zero.

    Attributes:
        queries: number of queries.
        images: number of images. Sums count an image once per tally, so all queries of an
            image belong in one.
        without_proposals: number of queries whose image had no proposals.
        sums: summed numerators and denominators by figure.
    """

    queries: int = 0
    images: int = 0
    without_proposals: int = 0
    sums: Mapping[str, tuple[float, float]] = field(
        default_factory=lambda: dict.fromkeys(METRICS, (0.0, 0.0))
    )

    @classmethod
    def of(cls, outcomes: QueryResults) -> Self:
        """The sums over these queries."""
        sums = terms(outcomes).sum(axis=2)
        return cls(
            len(outcomes),
            len(np.unique(outcomes.image)),
            int((outcomes.proposals == 0).sum()),
            {name: (float(n), float(d)) for name, (n, d) in zip(METRICS, sums, strict=True)},
        )

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.queries + other.queries,
            self.images + other.images,
            self.without_proposals + other.without_proposals,
            {
                name: (above + other.sums[name][0], below + other.sums[name][1])
                for name, (above, below) in self.sums.items()
            },
        )

    def metrics(self) -> dict[str, float]:
        """Every figure that the data allow, as ``refmask.metrics.compute_metrics`` gives them."""
        return {name: above / below for name, (above, below) in self.sums.items() if below}

    def to_dict(self) -> dict[str, Any]:
        """What JSON can hold."""
        return asdict(self) | {"sums": {name: list(pair) for name, pair in self.sums.items()}}

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> Self:
        """A tally from what ``to_dict`` gave.

        Raises:
            InputError: when something is missing or is not a number.
        """
        try:
            return cls(
                int(kept["queries"]),
                int(kept["images"]),
                int(kept["without_proposals"]),
                {name: _pair(kept["sums"][name]) for name in METRICS},
            )
        except MISSHAPEN as error:
            raise InputError(
                f"expected a tally as refmask wrote it, got {type(error).__name__} {error}; "
                "make it again"
            ) from error


def _pair(values: Any) -> tuple[float, float]:
    above, below = values
    return float(above), float(below)
