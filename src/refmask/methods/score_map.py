"""The baseline that compares each place of a ResNet with the expression (section 5.2)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from refmask.methods.map_pooling import MapPoolingMethod
from refmask.ops.maps import enlarged_extremes


@dataclass(frozen=True, eq=False)
class ScoreMap(MapPoolingMethod):
    """Cosine of each place and the expression, times the model's logit scale.

    After Zhou et al., "Extract Free Dense Labels from CLIP" (2022), section 3.2. The released
    code leaves the biases of both projections at random and scales each map to 0..1; by default
    the biases are the attention pool's own and maps are logits.
    """

    part = "places"
    fields = ("bias_seed",)

    def look(self, pixels: Tensor) -> Tensor:
        """L2-normalised features of the joint space."""
        features = self.encoder.encode_places(pixels, self.compat.bias_seed)
        return functional.normalize(features, dim=1)

    def draw(self, features: Tensor, texts: Tensor) -> Tensor:
        """Their products with the texts."""
        return self.encoder.logit_scale * torch.einsum("td,dhw->thw", texts, features[0])

    def scale(self, maps: Tensor, size: tuple[int, int]) -> Tensor:
        """Scaled by the extremes of the enlarged map (0 where it is flat), or as they are."""
        if not self.compat.scaled_maps:
            return maps
        low, high = (end[:, None, None] for end in enlarged_extremes(maps, size))
        return torch.where(high > low, (maps - low) / (high - low), 0.0)
