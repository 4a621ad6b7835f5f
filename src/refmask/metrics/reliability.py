"""How far confidences are to be trusted: expected calibration error and likelihood."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from refmask.types import FloatArray

#: Bins of confidence, of equal width, that a calibration error is computed over.
BINS = 15
#: Confidences are at least so far from 0 and 1 in a likelihood.
LEAST = 1e-4


@dataclass(frozen=True, eq=False)
class Bins:
    """Confidences of Q answers against how often they are right.

    Attributes:
        confidence: float64 (Q,), 0 to 1.
        right: float64 (Q,), 1 or 0; between them where that is a matter of chance.
    """

    confidence: FloatArray
    right: FloatArray

    def rows(self, bins: int = BINS) -> list[dict[str, float]]:
        """Each bin that holds answers: their number, mean confidence and share of right ones."""
        number = np.minimum((self.confidence * bins).astype(int), bins - 1)
        return [
            {
                "answers": int((number == one).sum()),
                "confidence": float(self.confidence[number == one].mean()),
                "right": float(self.right[number == one].mean()),
            }
            for one in np.unique(number)
        ]

    @property
    def ece(self) -> float:
        """Expected calibration error, 0 to 1: mean distance of confidence and share of right ones.

        Over ``BINS`` bins, each weighted by its answers; 0 without answers.
        """
        apart = [row["answers"] * abs(row["confidence"] - row["right"]) for row in self.rows()]
        return float(sum(apart) / max(len(self.confidence), 1))

    @property
    def nll(self) -> float:
        """Mean negative log likelihood of right and wrong, in nats; 0 without answers."""
        sure = np.clip(self.confidence, LEAST, 1 - LEAST)
        surprise = self.right * np.log(sure) + (1 - self.right) * np.log(1 - sure)
        return float(-surprise.sum() / max(len(sure), 1))

    def to_dict(self) -> dict[str, Any]:
        """Figures and bins, for JSON."""
        return {"answers": len(self.right), "ece": self.ece, "nll": self.nll, "bins": self.rows()}
