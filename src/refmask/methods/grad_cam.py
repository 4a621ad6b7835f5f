"""The baseline that asks which places of a ResNet raise the similarity (section 5.2)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from refmask.methods.map_pooling import MapPoolingMethod


@dataclass(frozen=True, eq=False)
class GradCam(MapPoolingMethod):
    """Activations before attention pooling, weighed by the gradient of the logit.

    After Selvaraju et al., "Grad-CAM" (ICCV 2017), equations 1 and 2, the score being the logit
    of picture and expression. The released code negates it, normalises activations at each place
    and keeps negative values, so that its greatest mean need not lie where the expression does;
    by default none of this is done, and weights are sums of gradients instead of means, so that
    scores are on the scale of logits.
    """

    part = "activations"

    def look(self, pixels: Tensor) -> Tensor:
        """Activations of the last layer, not negative."""
        return self.encoder.feature_map(pixels)

    def draw(self, features: Tensor, texts: Tensor) -> Tensor:
        """Activations times the weights of their channels."""
        weights = self.encoder.channel_gradients(features, texts)  # (T, C)
        if self.compat.negated_gradient:
            weights = -weights
        if self.compat.averaged_gradient:
            weights = weights / features[0, 0].numel()
        if self.compat.unit_activations:
            features = functional.normalize(features, dim=1)
        maps = torch.einsum("tc,chw->thw", weights, features[0])
        return maps if self.compat.negative_evidence else maps.relu()
