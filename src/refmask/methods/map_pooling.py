"""What baselines share that draw a map per expression and rank masks by its mean over them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from refmask.clip import ClipBackbone
from refmask.compat import Compat
from refmask.methods.base import INPUT, Keep, afresh, chosen_fields
from refmask.methods.sentences import read_sentences
from refmask.ops.maps import mask_shares
from refmask.ops.pixels import at_shorter_side, whole_picture
from refmask.types import FloatArray, MaskProposals, TargetPhrase, UInt8Array


@dataclass(frozen=True, eq=False)
class Places:
    """A picture's places and its masks.

    Attributes:
        features: float32 (1, C, h, w), of each place.
        shares: float32 (N, h, w), see ``mask_shares``.
        size: H, W of the picture.
    """

    features: Tensor
    shares: Tensor
    size: tuple[int, int]


@dataclass(frozen=True, eq=False)
class MapPoolingMethod(ABC):
    """A map per expression over a ResNet's places, and its mean over each mask.

    Attributes:
        encoder: a model with a ResNet.
        compat: corrected or the released code's arithmetic.

    Raises:
        ConfigurationError: for a model with another tower.
    """

    encoder: ClipBackbone
    compat: Compat = field(default_factory=Compat)

    #: What ``look`` gives is kept by this name,
    part: ClassVar[str]
    #: and depends on these fields of ``Compat``, beside those of the picture's way in.
    fields: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        self.encoder.pooled_tower  # noqa: B018  raises unless there is one

    @abstractmethod
    def look(self, pixels: Tensor) -> Tensor:
        """Features of each place: normalised float32 (1, 3, S, S) to float32 (1, C, h, w)."""

    @abstractmethod
    def draw(self, features: Tensor, texts: Tensor) -> Tensor:
        """Maps: features of each place and text features (T, D) to float32 (T, h, w)."""

    def scale(self, maps: Tensor, size: tuple[int, int]) -> Tensor:  # noqa: ARG002  by default
        """Maps (T, h, w) as they count once enlarged to ``size``: by default as they are."""
        return maps

    def observe(self, image: UInt8Array, proposals: MaskProposals, keep: Keep = afresh) -> Places:
        """What the maps of all expressions are drawn from.

        Args:
            image: uint8 RGB (H, W, 3).
            proposals: N masks of that size.
            keep: asked for the places' features; what masks are at the map costs little.
        """
        grid = self.encoder.tower.grid
        told = chosen_fields(self.compat, *INPUT, *self.fields)
        features = keep(self.part, told, (1, None, *grid), lambda: self._look(image))
        shares = mask_shares(proposals, grid)
        return Places(torch.from_numpy(features), shares, proposals.size)

    def score(
        self,
        observation: Places,
        phrases: Sequence[TargetPhrase],
        evidence: FloatArray | float = 0.0,
    ) -> FloatArray:
        """Mean over each mask of each map, enlarged bilinearly to the picture's size.

        Returns:
            float32 (T, N).
        """
        maps = self._maps(observation, read_sentences(self.encoder, phrases, self.compat))
        return self._means(observation, maps) + np.float32(evidence)

    def features(
        self, image: UInt8Array, proposals: MaskProposals, phrases: Sequence[TargetPhrase]
    ) -> dict[str, FloatArray]:
        """Arrays to compare: ``maps`` (T, h, w), ``text_global`` (T, D) and ``scores``."""
        observation = self.observe(image, proposals)
        texts = read_sentences(self.encoder, phrases, self.compat)
        maps = self._maps(observation, texts)
        return {
            "maps": self.scale(maps, self.encoder.tower.grid).numpy(),
            "text_global": texts.numpy(),
            "scores": self._means(observation, maps),
        }

    def _look(self, image: UInt8Array) -> FloatArray:
        image = at_shorter_side(image, self.compat)
        return self.look(whole_picture(image, self.encoder.statistics, self.compat)).numpy()

    def _maps(self, observation: Places, texts: Tensor) -> Tensor:
        return self.draw(observation.features, functional.normalize(texts, dim=1))

    def _means(self, observation: Places, maps: Tensor) -> FloatArray:
        maps = self.scale(maps, observation.size)
        return (maps.flatten(1) @ observation.shares.flatten(1).T).numpy()
