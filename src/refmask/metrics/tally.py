"""The sums behind the metrics, which merge by adding across machines."""

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
        sums: summed numerators and denominators by metric.
    """

    queries: int = 0
    images: int = 0
    without_proposals: int = 0
    sums: Mapping[str, tuple[float, float]] = field(
        default_factory=lambda: dict.fromkeys(METRICS, (0.0, 0.0))
    )

    @classmethod
    def of(cls, results: QueryResults) -> Self:
        """The sums over these queries."""
        sums = terms(results).sum(axis=2)
        return cls(
            len(results),
            len(np.unique(results.image)),
            int((results.proposals == 0).sum()),
            {name: (float(n), float(d)) for name, (n, d) in zip(METRICS, sums, strict=True)},
        )

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.queries + other.queries,
            self.images + other.images,
            self.without_proposals + other.without_proposals,
            {
                name: (numerator + other.sums[name][0], denominator + other.sums[name][1])
                for name, (numerator, denominator) in self.sums.items()
            },
        )

    def metrics(self) -> dict[str, float]:
        """Every metric that is defined, as ``refmask.metrics.compute_metrics`` gives them."""
        return {name: n / d for name, (n, d) in self.sums.items() if d}

    def to_dict(self) -> dict[str, Any]:
        """The tally as JSON values."""
        return asdict(self) | {"sums": {name: list(pair) for name, pair in self.sums.items()}}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """A tally from the values of ``to_dict``.

        Raises:
            InputError: when a value is missing or not a number.
        """
        try:
            pairs = {name: data["sums"][name] for name in METRICS}
            return cls(
                int(data["queries"]),
                int(data["images"]),
                int(data["without_proposals"]),
                {name: (float(n), float(d)) for name, (n, d) in pairs.items()},
            )
        except MISSHAPEN as error:
            raise InputError(
                f"the tally is damaged: {type(error).__name__} {error}; compute it again"
            ) from error
