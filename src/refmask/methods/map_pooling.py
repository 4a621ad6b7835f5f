"""Baselines that compute a map per expression and rank masks by its mean (section 5.2)."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

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
)
from refmask.ops.maps import enlarged_extremes, mask_shares
from refmask.ops.pixels import resize_shorter_side, whole_image
from refmask.types import ContextFeatures, FloatArray, MaskProposals, TargetPhrase, UInt8Array


@dataclass(frozen=True, eq=False)
class MapFeatures:
    """An image's feature map and its masks.

    Attributes:
        part: name of the feature map.
        places: float32 (1, C, h, w), the feature map.
        shares: float32 (N, h, w), see ``mask_shares``.
        size: H, W of the image.
    """

    part: str
    places: FloatArray
    shares: Tensor
    size: tuple[int, int]

    @property
    def arrays(self) -> dict[str, FloatArray]:
        """The feature map, by its name; the masks' shares cost little."""
        return {self.part: self.places}


@dataclass(frozen=True, eq=False)
class MapPoolingMethod(SentenceMethod):
    """A map per expression over a ResNet's feature map, and its mean over each mask.

    Attributes:
        encoder: a model with a ResNet.
        compat: the corrected or the released code's arithmetic.

    Raises:
        ConfigurationError: for a model with another tower.
    """

    encoder: ClipBackbone
    compat: Compat = field(default_factory=Compat)

    #: Name of the feature map that ``encode_places`` computes.
    part: ClassVar[str]
    #: Fields of ``Compat`` that it depends on, beside ``INPUT``.
    fields: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        self.encoder.pooled_tower  # noqa: B018  raises unless there is one

    @abstractmethod
    def encode_places(self, pixels: Tensor) -> Tensor:
        """The feature map: normalised float32 (1, 3, S, S) to float32 (1, C, h, w)."""

    @abstractmethod
    def draw(self, places: Tensor, texts: Tensor) -> Tensor:
        """Maps: the feature map and text features (T, D) to float32 (T, h, w)."""

    def scale(self, maps: Tensor, size: tuple[int, int]) -> Tensor:  # noqa: ARG002  by default
        """Maps (T, h, w), scaled as if enlarged to ``size``; by default unchanged."""
        return maps

    def image_settings(self) -> dict[str, dict[str, Any]]:
        """Of the feature map, which does not depend on masks."""
        return {self.part: chosen_fields(self.compat, *INPUT, *self.fields)}

    def encode_image(
        self, image: UInt8Array, proposals: MaskProposals, known: Mapping[str, FloatArray] = UNKNOWN
    ) -> MapFeatures:
        """The feature map that all expressions' maps use; see ``Method.encode_image``."""
        grid = self.encoder.tower.grid
        check_known(known, {self.part: (1, None, *grid)})
        places = known.get(self.part)
        if places is None:
            resized = resize_shorter_side(image, self.preprocessing.shorter_side)
            pixels = whole_image(resized, self.preprocessing)
            places = self.encode_places(pixels).contiguous().numpy()
        return MapFeatures(self.part, places, mask_shares(proposals, grid), proposals.size)

    def score(
        self,
        image_features: MapFeatures,
        text_features: ContextFeatures,
        evidence: FloatArray | float = 0.0,
    ) -> FloatArray:
        """Mean over each mask of each map, enlarged bilinearly to the image's size."""
        maps = self.scale(self._maps(image_features, text_features), image_features.size)
        means: FloatArray = (maps.flatten(1) @ image_features.shares.flatten(1).T).numpy()
        return means + np.float32(evidence)

    def features(
        self, image: UInt8Array, proposals: MaskProposals, phrases: Sequence[TargetPhrase]
    ) -> dict[str, FloatArray]:
        """As ``Method.features``, and ``maps``, float32 (T, h, w)."""
        maps = self._maps(self.encode_image(image, proposals), self.encode_text(phrases))
        drawn = self.scale(maps, self.encoder.tower.grid).numpy()
        return super().features(image, proposals, phrases) | {"maps": drawn}

    def _maps(self, image: MapFeatures, text: ContextFeatures) -> Tensor:
        texts = functional.normalize(torch.from_numpy(text.global_context), dim=1)
        return self.draw(torch.from_numpy(image.places), texts)


@dataclass(frozen=True, eq=False)
class ScoreMap(MapPoolingMethod):
    """Cosine of each position and the expression, times the model's logit scale.

    After Zhou et al., "Extract Free Dense Labels from CLIP" (2022), section 3.2. The released
    code leaves the biases of both projections at random and scales each map to 0..1; by default
    the biases are the attention pool's own and maps are logits.
    """

    part = "places"
    fields = ("bias_seed",)

    def encode_places(self, pixels: Tensor) -> Tensor:
        """L2-normalised features of the joint space."""
        features = self.encoder.encode_places(pixels, self.compat.bias_seed)
        return functional.normalize(features, dim=1)

    def draw(self, places: Tensor, texts: Tensor) -> Tensor:
        """Cosines of all positions and texts, times the logit scale."""
        return self.encoder.logit_scale * torch.einsum("td,dhw->thw", texts, places[0])

    def scale(self, maps: Tensor, size: tuple[int, int]) -> Tensor:
        """Scaled by the extremes of the enlarged map (0 where it is flat), or unchanged."""
        if not self.compat.scaled_maps:
            return maps
        low, high = (end[:, None, None] for end in enlarged_extremes(maps, size))
        return torch.where(high > low, (maps - low) / (high - low), 0.0)


@dataclass(frozen=True, eq=False)
class GradCam(MapPoolingMethod):
    """Activations before attention pooling, weighted by the gradient of the logit.

    After Selvaraju et al., "Grad-CAM" (ICCV 2017), equations 1 and 2, the score being the logit
    of image and expression. The released code negates it, normalises activations at each position
    and keeps negative values, so that its greatest mean need not lie on the target. By default
    none of this is done, and weights are sums of gradients instead of means, so that scores are on
    the scale of logits.
    """

    part = "activations"

    def encode_places(self, pixels: Tensor) -> Tensor:
        """Activations of the last layer, at least 0."""
        return self.encoder.feature_map(pixels)

    def draw(self, places: Tensor, texts: Tensor) -> Tensor:
        """Activations times the weights of their channels."""
        weights = self.encoder.channel_gradients(places, texts)  # (T, C)
        if self.compat.negated_gradient:
            weights = -weights
        if self.compat.averaged_gradient:
            weights = weights / places[0, 0].numel()
        if self.compat.unit_activations:
            places = functional.normalize(places, dim=1)
        maps = torch.einsum("tc,chw->thw", weights, places[0])
        return maps if self.compat.negative_evidence else maps.relu()
