"""Scores of proposals of which some were looked at more closely than others."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from refmask.types import Floats


def others_below(scores: Floats, guess: Floats, best: npt.NDArray[np.intp]) -> Floats:
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
