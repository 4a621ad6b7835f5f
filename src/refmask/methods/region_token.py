"""The baseline with one more token per mask in a vision transformer (section 5.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from refmask.clip import ClipBackbone
from refmask.compat import Compat
from refmask.methods.base import INPUT, Keep, afresh, chosen_fields
from refmask.methods.sentences import read_sentences
from refmask.ops.pixels import at_shorter_side, grid_masks, whole_picture
from refmask.types import FloatArray, MaskProposals, TargetPhrase, UInt8Array

#: Fields of ``Compat`` that region tokens depend on, beside those of the picture's way in.
REGION_FIELDS = (
    *("padded_patches", "half_positions", "sampled_regions"),
    *("finite_exclusion", "unit_global"),
)


@dataclass(frozen=True, eq=False)
class RegionToken:
    """A copy of the class token per mask that attends to the mask's patches only.

    After Li et al., "Adapting CLIP For Phrase Localization Without Further Training" (2022),
    against the whole expression as in table 1. The released code shifts the patches by padding,
    rounds positions to float16 and may leave a small mask without any patch, so that its feature
    is the same for all pictures; none of this is done by default.

    Attributes:
        encoder: a model with a vision transformer.
        compat: corrected or the released code's arithmetic.

    Raises:
        ConfigurationError: for a model with another tower.
    """

    encoder: ClipBackbone
    compat: Compat = field(default_factory=Compat)

    def __post_init__(self) -> None:
        self.encoder.region_tower  # noqa: B018  raises unless there is one

    def observe(
        self, image: UInt8Array, proposals: MaskProposals, keep: Keep = afresh
    ) -> FloatArray:
        """The region tokens' features.

        Args:
            image: uint8 RGB (H, W, 3).
            proposals: N masks of that size.
            keep: asked for them.

        Returns:
            float32 (N, D), L2-normalised where ``compat`` says so.
        """
        told = chosen_fields(self.compat, *INPUT, *REGION_FIELDS)
        shape = (len(proposals), self.encoder.dim)
        return keep("region", told, shape, lambda: self._look(image, proposals))

    def score(
        self,
        observation: FloatArray,
        phrases: Sequence[TargetPhrase],
        evidence: FloatArray | float = 0.0,
    ) -> FloatArray:
        """Cosine of every region token and every expression times the model's logit scale.

        Returns:
            float32 (T, N).
        """
        texts = read_sentences(self.encoder, phrases, self.compat)
        return self._cosines(observation, texts) + np.float32(evidence)

    def features(
        self, image: UInt8Array, proposals: MaskProposals, phrases: Sequence[TargetPhrase]
    ) -> dict[str, FloatArray]:
        """Arrays to compare: ``visual_region`` (N, D), ``text_global`` (T, D), ``scores``."""
        visual = self.observe(image, proposals)
        texts = read_sentences(self.encoder, phrases, self.compat)
        return {
            "visual_region": visual,
            "text_global": texts.numpy(),
            "scores": self._cosines(visual, texts),
        }

    def _look(self, image: UInt8Array, proposals: MaskProposals) -> FloatArray:
        clip, compat = self.encoder, self.compat
        features = clip.encode_regions(
            whole_picture(at_shorter_side(image, compat), clip.statistics, compat),
            mask_patches(proposals, clip.tower.grid, compat),
            padded_patches=compat.padded_patches,
            half_positions=compat.half_positions,
            finite_exclusion=compat.finite_exclusion,
        )
        return (functional.normalize(features, dim=1) if compat.unit_global else features).numpy()

    def _cosines(self, features: FloatArray, texts: Tensor) -> FloatArray:
        visual = functional.normalize(torch.from_numpy(features), dim=1)
        return (self.encoder.logit_scale * functional.normalize(texts, dim=1) @ visual.T).numpy()


def mask_patches(proposals: MaskProposals, grid: tuple[int, int], compat: Compat) -> Tensor:
    """The patches of each mask.

    Args:
        proposals: N masks.
        grid: h, w.
        compat: field ``sampled_regions``.

    Returns:
        bool (N, h, w): patches that hold a pixel of the mask or, with ``sampled_regions``, whose
        nearest-neighbour sample does, which may be none.
    """
    if compat.sampled_regions:
        patches = torch.empty((len(proposals), *grid), dtype=torch.bool)
        for number, mask in enumerate(proposals.masks):
            floats = torch.tensor(mask, dtype=torch.float32)[None, None]
            patches[number] = functional.interpolate(floats, grid, mode="nearest")[0, 0] > 0
        return patches
    return grid_masks(proposals, grid, compat) > 0
