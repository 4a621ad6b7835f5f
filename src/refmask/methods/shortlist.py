"""Local features for the most promising masks of each phrase only.

What methods share that put crops off (``PartialFeatures``), and the approximation of the paper's
method that does so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
import numpy.typing as npt

from refmask.errors import ConfigurationError
from refmask.methods.base import UNKNOWN, BlendedMethod, Method
from refmask.methods.global_local import GLOBAL, GlobalLocal
from refmask.ops.pixels import resize_shorter_side
from refmask.types import BoolArray, ContextFeatures, FloatArray, MaskProposals, UInt8Array

Rows = npt.NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class PartialFeatures(ContextFeatures):
    """Features of an image's masks, of which some local ones are not known yet.

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

    def filled(self, masks: Rows, encode: Callable[[MaskProposals], FloatArray]) -> Self:
        """These features with the local ones of some masks.

        Args:
            masks: their indices; those that are known are not computed again.
            encode: gives float32 (M, D) for M masks.
        """
        new = np.unique(masks)
        new = new[~self.known[new]]
        if not len(new):
            return self
        local, known = self.local_context.copy(), self.known.copy()
        local[new], known[new] = encode(self.proposals[new]), True
        return replace(self, local_context=local, known=known)


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


@dataclass(frozen=True, eq=False)
class Shortlist(GlobalLocal):
    """Global-local context features whose local part is computed for M masks per expression.

    Each expression has its own M: those whose global visual feature alone (alpha = 1 in equation 5)
    is most similar to it. They get the scores of ``GlobalLocal``, and the answer is among them.
    Every other mask lies as far below the lowest of these scores as its global similarity lies
    below the least of the M. With M masks or fewer, all is as in ``GlobalLocal``.

    Attributes:
        local_top: M, at least 1.

    Raises:
        ConfigurationError: as ``GlobalLocal``, and for an M below 1.
    """

    local_top: int = field(kw_only=True)

    described = (GLOBAL,)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.local_top < 1:
            raise ConfigurationError(f"local_top is at least 1, got {self.local_top}")

    def encode_image(
        self, image: UInt8Array, proposals: MaskProposals, known: Mapping[str, FloatArray] = UNKNOWN
    ) -> PartialFeatures:
        """The global features of all masks; the local ones wait for phrases."""
        seen = super().encode_image(image, proposals, known)
        nothing = np.zeros(len(proposals), np.bool_)
        return PartialFeatures(seen.global_context, seen.local_context, image, proposals, nothing)

    def focus(
        self,
        image_features: PartialFeatures,
        text_features: ContextFeatures,
        evidence: FloatArray | float = 0.0,
    ) -> PartialFeatures:
        """The local features of each phrase's M best masks, too."""
        guess = self._guess(image_features, text_features, evidence)
        return self._closer(image_features, best_rows(guess, self.local_top))

    def score(  # type: ignore[override]  # of what itself encoded
        self,
        image_features: PartialFeatures,
        text_features: ContextFeatures,
        evidence: FloatArray | float = 0.0,
    ) -> FloatArray:
        """As ``GlobalLocal.score`` for the M best masks of each phrase; the others lie below."""
        guess = self._guess(image_features, text_features, evidence)
        best = best_rows(guess, self.local_top)
        features = self._closer(image_features, best)  # nothing to do after ``focus``
        return others_below(super().score(features, text_features, evidence), guess, best)

    def for_search(self) -> BlendedMethod:
        """Refused: an index holds every mask's local feature."""
        return Method.for_search(self)

    def _guess(
        self, features: PartialFeatures, text: ContextFeatures, evidence: FloatArray | float
    ) -> FloatArray:
        """Scores by the global features alone: float32 (T, N)."""
        return super().score(features.in_context, text, evidence)

    def _closer(self, features: PartialFeatures, masks: Rows) -> PartialFeatures:
        """With the local features of these masks, too."""

        def encode(chosen: MaskProposals) -> FloatArray:
            resized = resize_shorter_side(features.image, self.preprocessing.shorter_side)
            return self.encode_alone(resized, chosen)

        return features.filled(masks, encode)
