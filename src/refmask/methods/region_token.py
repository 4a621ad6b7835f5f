"""The baseline with one more token per mask in a vision transformer (section 5.2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from refmask.clip import ClipBackbone
from refmask.compat import Compat
from refmask.methods.base import (
    INPUT,
    UNKNOWN,
    SentenceMethod,
    check_known,
    chosen_fields,
    normalize,
)
from refmask.ops.pixels import grid_masks, resize_shorter_side, whole_image
from refmask.types import ContextFeatures, FloatArray, MaskProposals, UInt8Array

#: Fields of ``Compat`` that region tokens depend on, beside ``INPUT``.
REGION_FIELDS = (
    *("padded_patches", "half_positions", "sampled_regions"),
    *("finite_exclusion", "unit_global"),
)


@dataclass(frozen=True, eq=False)
class RegionFeatures:
    """Region tokens' features.

    Attributes:
        region: float32 (N, D), L2-normalised where ``compat`` says so.
    """

    region: FloatArray

    @property
    def arrays(self) -> dict[str, FloatArray]:
        """By the name "region"."""
        return {"region": self.region}


@dataclass(frozen=True, eq=False)
class RegionToken(SentenceMethod):
    """A copy of the class token per mask that attends to the mask's patches only.

    After Li et al., "Adapting CLIP For Phrase Localization Without Further Training" (2022),
    compared with the whole expression as in table 1. The released code shifts the patches by
    padding, rounds positions to float16 and may leave a small mask without any patch, so that its
    feature is the same for all images; none of this is done by default.

    Attributes:
        encoder: a model with a vision transformer.
        compat: the corrected or the released code's arithmetic.

    Raises:
        ConfigurationError: for a model with another tower.
    """

    encoder: ClipBackbone
    compat: Compat = field(default_factory=Compat)

    def __post_init__(self) -> None:
        self.encoder.region_tower  # noqa: B018  raises unless there is one

    def image_settings(self) -> dict[str, dict[str, Any]]:
        """Of "region"."""
        return {"region": chosen_fields(self.compat, *INPUT, *REGION_FIELDS)}

    def encode_image(
        self, image: UInt8Array, proposals: MaskProposals, known: Mapping[str, FloatArray] = UNKNOWN
    ) -> RegionFeatures:
        """One token per mask; see ``Method.encode_image``."""
        check_known(known, {"region": (len(proposals), self.encoder.dim)})
        if "region" in known:
            return RegionFeatures(known["region"])
        compat, preprocessing = self.compat, self.preprocessing
        features = self.encoder.encode_regions(
            whole_image(resize_shorter_side(image, preprocessing.shorter_side), preprocessing),
            mask_patches(proposals, self.encoder.tower.grid, sampled=compat.sampled_regions),
            padded_patches=compat.padded_patches,
            half_positions=compat.half_positions,
            finite_exclusion=compat.finite_exclusion,
        )
        return RegionFeatures(normalize(features, compat.unit_global))

    def score(
        self,
        image_features: RegionFeatures,
        text_features: ContextFeatures,
        evidence: FloatArray | float = 0.0,
    ) -> FloatArray:
        """Cosine of every region token and every expression times the model's logit scale."""
        visual, text = (
            functional.normalize(torch.from_numpy(rows), dim=1)
            for rows in (image_features.region, text_features.global_context)
        )
        similarity: FloatArray = (self.encoder.logit_scale * text @ visual.T).numpy()
        return similarity + np.float32(evidence)


def mask_patches(
    proposals: MaskProposals, grid: tuple[int, int], *, sampled: bool = False
) -> Tensor:
    """The patches of each mask.

    Args:
        proposals: N masks.
        grid: h, w.
        sampled: ``compat.Compat.sampled_regions``.

    Returns:
        bool (N, h, w): patches that hold a pixel of the mask or, if sampled, whose
        nearest-neighbour sample does, which may be none.
    """
    if sampled:
        patches = torch.empty((len(proposals), *grid), dtype=torch.bool)
        for number, mask in enumerate(proposals.masks):
            floats = torch.tensor(mask, dtype=torch.float32)[None, None]
            patches[number] = functional.interpolate(floats, grid, mode="nearest")[0, 0] > 0
        return patches
    return grid_masks(proposals, grid) > 0
