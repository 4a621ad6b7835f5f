"""Features whose local part is computed for those masks alone that a phrase needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from refmask.types import BoolArray, ContextFeatures, FloatArray, MaskProposals, UInt8Array

Rows = npt.NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class PartialFeatures(ContextFeatures):
    """What was seen of an image's masks so far; phrases fill in local features.

    Attributes:
        image: uint8 RGB (H, W, 3).
        proposals: N masks of that size.
        known: bool (N,), which masks' local features have been computed; the others are zero.
    """

    image: UInt8Array
    proposals: MaskProposals
    known: BoolArray

    @property
    def in_context(self) -> ContextFeatures:
        """The global features in both places: what can be told before any local one is known."""
        return ContextFeatures(self.global_context, self.global_context)

    def fill(self, masks: Rows, compute: Callable[[Rows], FloatArray]) -> None:
        """Have the local features of these masks; those that are known are not computed again.

        Args:
            masks: their indices, none twice.
            compute: gives float32 (M, D) for the indices of M masks.
        """
        new = masks[~self.known[masks]]
        if len(new):
            self.local_context[new] = compute(new)
            self.known[new] = True


def best_rows(guess: FloatArray, most: int | None) -> Rows:
    """The best masks of each phrase by a guess (T, N): int (T, M), M at most ``most``."""
    return np.argsort(-guess, axis=1, kind="stable")[:, :most]


def others_below(scores: FloatArray, guess: FloatArray, best: Rows) -> FloatArray:
    """Scores of the best masks; below them the others, spaced as guessed.

    Args:
        scores: float32 (T, N), right for the best.
        guess: float32 (T, N), by which they are the best.
        best: (T, M), their indices.

    Returns:
        float32 (T, N).
    """
    if not best.size:
        return scores
    chosen = np.zeros(scores.shape, np.bool_)
    np.put_along_axis(chosen, best, values=True, axis=1)
    lowest, last = (
        np.where(chosen, values, np.inf).min(axis=1, keepdims=True).astype(np.float32)
        for values in (scores, guess)
    )
    below = np.nextafter(lowest, np.float32(-np.inf))
    return np.where(chosen, scores, below - (last - guess))
