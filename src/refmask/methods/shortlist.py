"""An approximation of the paper's method: local features for the most promising masks only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from refmask.errors import ConfigurationError
from refmask.methods.base import Keep, afresh
from refmask.methods.global_local import GlobalLocal
from refmask.methods.partial import PartialFeatures, Rows, best_rows, others_below
from refmask.ops.pixels import at_shorter_side
from refmask.types import FloatArray, MaskProposals, TargetPhrase, UInt8Array


@dataclass(frozen=True, eq=False)
class Shortlist(GlobalLocal):
    """Global-local context features whose local part is computed for M masks per expression.

    Each expression has its own M: those whose global visual feature alone (alpha = 1 in equation 5)
    is most similar to it. They get the scores of ``GlobalLocal``, and the answer is among them.
    Every other mask lies as far below the lowest of these scores as its global similarity lies
    below the least of the M. With M masks or fewer, all is as in ``GlobalLocal``.

    Local features are computed when an expression first needs them, stay with the observation, and
    are not kept elsewhere.

    Attributes:
        local_top: M, at least 1.

    Raises:
        ConfigurationError: as ``GlobalLocal``, and for an M below 1.
    """

    local_top: int = field(kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.local_top < 1:
            raise ConfigurationError(f"expected local_top of at least 1, got {self.local_top}")

    def observe(
        self, image: UInt8Array, proposals: MaskProposals, keep: Keep = afresh
    ) -> PartialFeatures:
        """The global features of all masks; the local ones wait for expressions.

        Args:
            image: uint8 RGB (H, W, 3).
            proposals: N masks of that size.
            keep: asked for the global features.
        """
        everywhere = self.describe(image, proposals, alone=False, keep=keep).global_context
        nothing, known = np.zeros_like(everywhere), np.zeros(len(proposals), np.bool_)
        return PartialFeatures(everywhere, nothing, image, proposals, known)

    def score(  # type: ignore[override]  # of what itself observed
        self,
        observation: PartialFeatures,
        phrases: Sequence[TargetPhrase],
        evidence: FloatArray | float = 0.0,
    ) -> FloatArray:
        """As ``GlobalLocal.score`` for the M best masks of each phrase; the others lie below.

        Returns:
            float32 (T, N).
        """
        text, added = self.read(phrases), np.float32(evidence)
        guess = self.similarity(observation.in_context, text) + added
        best = best_rows(guess, self.local_top)
        observation.fill(np.unique(best), lambda new: self._closer(observation, new))
        return others_below(self.similarity(observation, text) + added, guess, best)

    def features(
        self, image: UInt8Array, proposals: MaskProposals, phrases: Sequence[TargetPhrase]
    ) -> dict[str, FloatArray]:
        """As ``GlobalLocal.features``; ``visual_local`` is zero where it was not computed."""
        observation, text = self.observe(image, proposals), self.read(phrases)
        scores = self.score(observation, phrases)
        return {
            "visual_global": observation.global_context,
            "visual_local": observation.local_context,
            "text_global": text.global_context,
            "text_local": text.local_context,
            "scores": scores,
        }

    def _closer(self, observation: PartialFeatures, masks: Rows) -> FloatArray:
        """The local features of these masks: float32 (M, D)."""
        picture = at_shorter_side(observation.image, self.compat)
        return self._alone(picture, observation.proposals[masks])
