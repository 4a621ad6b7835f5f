"""The paper's method: each mask and each phrase described twice and blended (section 3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, ClassVar

import numpy as np
import torch
from torch.nn import functional

from refmask.clip import ClipBackbone
from refmask.compat import Compat
from refmask.errors import ConfigurationError
from refmask.methods.base import INPUT, Keep, afresh, chosen_fields
from refmask.ops.pixels import (
    at_shorter_side,
    crop_source,
    cut_crops,
    grid_masks,
    projected_boxes,
    whole_picture,
)
from refmask.types import ContextFeatures, FloatArray, MaskProposals, TargetPhrase, UInt8Array

#: Crops cut and encoded at a time: bounds memory for any number of masks.
CROPS = 32


@dataclass(frozen=True, eq=False)
class GlobalLocal:
    """Global-local context features.

    Attributes:
        encoder: the model.
        alpha: weight of the global visual feature, 0 to 1 (equation 5).
        beta: weight of the whole expression, 0 to 1 (equation 8).
        mask_layers: the paper's k for vision transformers; None for the tower's own.
        compat: corrected or the released code's arithmetic.

    Raises:
        ConfigurationError: for weights outside 0 to 1, or mask_layers the tower does not have;
            all faults at once.
    """

    encoder: ClipBackbone
    alpha: float = 0.85
    beta: float = 0.5
    mask_layers: int | None = None
    compat: Compat = field(default_factory=Compat)

    #: Which visual features the score needs.
    in_context: ClassVar[bool] = True
    alone: ClassVar[bool] = True

    def __post_init__(self) -> None:
        faults = [
            f"expected {name} from 0 to 1, got {value}"
            for name, value in (("alpha", self.alpha), ("beta", self.beta))
            if not 0 <= value <= 1
        ]
        depth = getattr(self.encoder.tower, "depth", 0)
        if depth and self.mask_layers is not None and not 1 <= self.mask_layers <= depth:
            faults.append(f"expected mask_layers from 1 to {depth}, got {self.mask_layers}")
        if faults:
            raise ConfigurationError("; ".join(faults))
        self.encoder.check_settings(self._tower_settings)

    @property
    def _tower_settings(self) -> dict[str, int | bool]:
        layers = {} if self.mask_layers is None else {"mask_layers": self.mask_layers}
        return layers | ({"unit_places": True} if self.compat.unit_places else {})

    def observe(
        self, image: UInt8Array, proposals: MaskProposals, keep: Keep = afresh
    ) -> ContextFeatures:
        """The visual features that the score needs; zeros where its weight is fixed at zero."""
        return self.describe(
            image, proposals, in_context=self.in_context, alone=self.alone, keep=keep
        )

    def describe(
        self,
        image: UInt8Array,
        proposals: MaskProposals,
        *,
        in_context: bool = True,
        alone: bool = True,
        keep: Keep = afresh,
    ) -> ContextFeatures:
        """Both visual features of every mask, ready to blend.

        Args:
            image: uint8 RGB (H, W, 3).
            proposals: N masks of that size.
            in_context: compute the global features (equations 2 and 3), else zeros.
            alone: compute the local features (equation 4), else zeros.
            keep: asked for both, apart.

        Returns:
            float32 (N, D) each, L2-normalised where ``compat`` says so.
        """
        nothing = np.zeros((len(proposals), self.encoder.dim), np.float32)
        if not len(proposals):
            return ContextFeatures(nothing, nothing)

        @cache
        def picture() -> UInt8Array:
            return at_shorter_side(image, self.compat)

        def see(
            part: str, compute: Callable[[UInt8Array, MaskProposals], FloatArray]
        ) -> FloatArray:
            told = self._depends_on(part)
            return keep(part, told, nothing.shape, lambda: compute(picture(), proposals))

        return ContextFeatures(
            global_context=see("global", self._in_context) if in_context else nothing,
            local_context=see("local", self._alone) if alone else nothing,
        )

    def read(self, phrases: Sequence[TargetPhrase]) -> ContextFeatures:
        """Both text features of every phrase (equations 6 and 7), ready to blend.

        Returns:
            float32 (T, D) each, L2-normalised where ``compat`` says so.
        """
        texts = [phrase.text for phrase in phrases] + [phrase.noun_phrase for phrase in phrases]
        encoded = self.encoder.encode_text(texts, refuse_long=self.compat.long_text_error)
        sentences, nouns = np.split(_unit(encoded, self.compat.unit_text), 2)
        return ContextFeatures(sentences, nouns)

    def score(
        self,
        observation: ContextFeatures,
        phrases: Sequence[TargetPhrase],
        evidence: FloatArray | float = 0.0,
    ) -> FloatArray:
        """Similarity of every blended mask to every blended phrase (equation 1).

        Args:
            observation: from ``observe``.
            phrases: T of them.
            evidence: float32 (T, N) in nats, added.

        Returns:
            float32 (T, N): cosine (or, under the reference's ResNet, plain product) times the
            model's logit scale.
        """
        return self.similarity(observation, self.read(phrases)) + np.float32(evidence)

    def similarity(self, masks: ContextFeatures, phrases: ContextFeatures) -> FloatArray:
        """As ``score``, for phrases that were read before: float32 (T, N)."""
        visual = torch.from_numpy(masks.blend(self.alpha))
        text = torch.from_numpy(phrases.blend(self.beta))
        if self.compat.cosine:
            visual, text = functional.normalize(visual, dim=1), functional.normalize(text, dim=1)
        return (self.encoder.logit_scale * text @ visual.T).numpy()

    def features(
        self, image: UInt8Array, proposals: MaskProposals, phrases: Sequence[TargetPhrase]
    ) -> dict[str, FloatArray]:
        """Arrays to compare: both visual (N, D) and both text (T, D) features, and ``scores``."""
        visual, text = self.describe(image, proposals), self.read(phrases)
        return {
            "visual_global": visual.global_context,
            "visual_local": visual.local_context,
            "text_global": text.global_context,
            "text_local": text.local_context,
            "scores": self.score(visual, phrases),
        }

    def _depends_on(self, part: str) -> dict[str, Any]:
        """What the "global" and the "local" visual features depend on, beside the model."""
        if part == "local":
            return chosen_fields(self.compat, *INPUT, "crop_fill", "projected_boxes", "unit_local")
        layers = self.mask_layers or getattr(self.encoder.tower, "mask_layers", None)
        told = chosen_fields(self.compat, *INPUT, "unit_places", "unit_global")
        return told | {"mask_layers": layers}

    def _in_context(self, picture: UInt8Array, proposals: MaskProposals) -> FloatArray:
        features = self.encoder.encode_masked(
            whole_picture(picture, self.encoder.statistics, self.compat),
            grid_masks(proposals, self.encoder.tower.grid, self.compat),
            **self._tower_settings,
        )
        return _unit(features, self.compat.unit_global)

    def _alone(self, picture: UInt8Array, proposals: MaskProposals) -> FloatArray:
        source = crop_source(picture, proposals.size, self.encoder.statistics, self.compat)
        boxes = crop_boxes(proposals, self.compat)
        features = [
            self.encoder.encode_image(
                cut_crops(
                    source,
                    proposals.masks[start : start + CROPS],
                    boxes[start : start + CROPS],
                    self.encoder.statistics,
                    self.compat,
                )
            )
            for start in range(0, len(proposals), CROPS)
        ]
        return _unit(torch.cat(features), self.compat.unit_local)


def crop_boxes(proposals: MaskProposals, compat: Compat) -> FloatArray:
    """Boxes (N, 4) that crops are cut to: tight, or the released code's projections."""
    return projected_boxes(proposals.masks) if compat.projected_boxes else proposals.boxes


def _unit(features: torch.Tensor, normalised: bool) -> FloatArray:
    return (functional.normalize(features, dim=1) if normalised else features).numpy()
