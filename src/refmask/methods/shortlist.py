"""Local features for the most promising masks of each phrase only.

``PartialFeatures`` and its helpers serve all methods that defer crops; ``Shortlist`` is the paper's
method with deferred crops.
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
    """Features of an image's masks; some local ones are not computed yet.

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
        """The global features, also in place of the local ones."""
        return ContextFeatures(self.global_context, self.global_context)

    def filled(self, masks: Rows, encode: Callable[[MaskProposals], FloatArray]) -> Self:
        """These features, completed with the local ones of some masks.

        Args:
            masks: their indices; known ones are not computed again.
            encode: computes float32 (M, D) for M masks.
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
    """Scores of the best masks; the others lie below them, spaced as in the guess.

    Args:
        scores: float32 (T, N), correct for the best masks.
        guess: float32 (T, N), which selected the best masks.
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
    """Global-local context features with local features for M masks per expression.

    Each expression selects its own M masks, those whose global visual feature (alpha = 1 in
    equation 5) is most similar to it. They get the scores of ``GlobalLocal``, and the answer is one
    of them. Every other mask scores as far below the lowest of these as its global similarity lies
    below the least of the M. With M masks or fewer, scores equal those of ``GlobalLocal``.

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
            raise ConfigurationError(f"local_top is at least 1, not {self.local_top}")

    def encode_image(
        self, image: UInt8Array, proposals: MaskProposals, known: Mapping[str, FloatArray] = UNKNOWN
    ) -> PartialFeatures:
        """The global features of all masks; the local ones are deferred to ``focus``."""
        features = super().encode_image(image, proposals, known)
        none = np.zeros(len(proposals), np.bool_)
        return PartialFeatures(
            features.global_context, features.local_context, image, proposals, none
        )

    def focus(
        self,
        image_features: PartialFeatures,
        text_features: ContextFeatures,
        evidence: FloatArray | float = 0.0,
    ) -> PartialFeatures:
        """Adds the local features of each phrase's M best masks."""
        guess = self._guess(image_features, text_features, evidence)
        return self._with_local(image_features, best_rows(guess, self.local_top))

    def score(  # type: ignore[override]  # of features that it encoded
        self,
        image_features: PartialFeatures,
        text_features: ContextFeatures,
        evidence: FloatArray | float = 0.0,
    ) -> FloatArray:
        """As ``GlobalLocal.score`` for the M best masks of each phrase; the others lie below."""
        guess = self._guess(image_features, text_features, evidence)
        best = best_rows(guess, self.local_top)
        features = self._with_local(image_features, best)  # nothing to do after ``focus``
        return others_below(super().score(features, text_features, evidence), guess, best)

    def for_search(self) -> BlendedMethod:
        """Refused: an index needs every mask's local feature."""
        return Method.for_search(self)

    def _guess(
        self, features: PartialFeatures, text: ContextFeatures, evidence: FloatArray | float
    ) -> FloatArray:
        """Scores by the global features alone: float32 (T, N)."""
        return super().score(features.in_context, text, evidence)

    def _with_local(self, features: PartialFeatures, masks: Rows) -> PartialFeatures:
        """Adds the local features of these masks."""

        def encode(chosen: MaskProposals) -> FloatArray:
            resized = resize_shorter_side(features.image, self.preprocessing.shorter_side)
            return self.encode_alone(resized, chosen)

        return features.filled(masks, encode)
