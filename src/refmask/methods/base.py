"""The interface of all methods, in the order of the paper's figure 2.

::

    encode_image(image, proposals) -> image features     costly, once per image
    encode_text(phrases)           -> text features      cheap
    score(image features, text features) -> (T, N)       nearly free

Methods cache nothing; ``refmask.cache.method`` wraps one with a cache.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from refmask.clip import ClipBackbone
from refmask.compat import IMAGENET_MEAN, IMAGENET_STD, Compat
from refmask.errors import ConfigurationError, FeatureError
from refmask.ops.pixels import PixelStatistics, Preprocessing, projected_boxes
from refmask.types import (
    BoolArray,
    ContextFeatures,
    FloatArray,
    ImageFeatures,
    MaskProposals,
    TargetPhrase,
    UInt8Array,
)

#: Fields of ``Compat`` that change the preprocessing of any image.
INPUT = ("imagenet_statistics", "shorter_side", "plain_bilinear")
#: No cached arrays.
UNKNOWN: Mapping[str, FloatArray] = MappingProxyType({})


class Encoder(Protocol):
    """A loaded model: what code that does not compute with it may use."""

    @property
    def name(self) -> str:
        """Model and weights, for reports."""
        ...

    @property
    def family(self) -> str:
        """Kind of its image tower: "vit", "resnet" or "classifier"."""
        ...

    @property
    def advice(self) -> dict[str, Any]:
        """Method settings that its card recommends, by name."""
        ...

    @property
    def weights(self) -> Path | None:
        """The file its weights were read from, if any."""
        ...

    @property
    def weights_sha256(self) -> str | None:
        """SHA-256 of that file."""
        ...

    @property
    def model_cfg(self) -> dict[str, Any]:
        """Settings that its features depend on, beside weights, statistics and precision."""
        ...

    @property
    def statistics(self) -> PixelStatistics:
        """Pixel statistics of its weights."""
        ...

    @property
    def precision(self) -> torch.dtype:
        """torch.float32 or torch.bfloat16: dtype of its computation."""
        ...

    @property
    def dim(self) -> int:
        """The width of its features."""
        ...


class Method(ABC):
    """Scores mask proposals against referring expressions.

    Attributes:
        encoder: the model that encodes masks and phrases.
        compat: the corrected or the released code's arithmetic.
    """

    encoder: Encoder
    compat: Compat

    @cached_property
    def preprocessing(self) -> Preprocessing:
        """Preprocessing of images and crops for the encoder, ``compat`` resolved."""
        statistics, compat = self.encoder.statistics, self.compat
        imagenet, plain = compat.imagenet_statistics, compat.plain_bilinear
        return Preprocessing(
            side=statistics.side,
            mean=IMAGENET_MEAN if imagenet else statistics.mean,
            std=IMAGENET_STD if imagenet else statistics.std,
            interpolation="bilinear" if plain else statistics.interpolation,
            antialias=not plain,
            fill=compat.crop_fill,
            shorter_side=compat.shorter_side,
        )

    def crop_boxes(self, proposals: MaskProposals) -> FloatArray:
        """Crop boxes (N, 4): tight, or the released code's projections."""
        return projected_boxes(proposals.masks) if self.compat.projected_boxes else proposals.boxes

    @abstractmethod
    def image_settings(self) -> dict[str, dict[str, Any]]:
        """Settings that image features depend on, beside the model, the image and its masks.

        Returns:
            The settings of each array worth caching, by the array's name, as JSON values. Methods
            that compute an array in the same way give it the same name and settings.
        """

    @abstractmethod
    def encode_image(
        self, image: UInt8Array, proposals: MaskProposals, known: Mapping[str, FloatArray] = UNKNOWN
    ) -> ImageFeatures:
        """The costly, text-free part.

        Args:
            image: uint8 RGB (H, W, 3).
            proposals: N masks of that size.
            known: cached arrays of an equal method for this image and these masks; they are not
                computed again.

        Raises:
            FeatureError: when a cached array has the wrong shape or dtype.
        """

    @abstractmethod
    def encode_text(self, phrases: Sequence[TargetPhrase]) -> ContextFeatures:
        """Features of T phrases: float32 (T, D) of the whole expressions and of the noun phrases.

        Raises:
            ExpressionError: when one exceeds the model's context, where ``compat`` forbids it.
        """

    @abstractmethod
    def score(
        self,
        image_features: Any,
        text_features: ContextFeatures,
        evidence: FloatArray | float = 0.0,
    ) -> FloatArray:
        """Similarity of each mask and each phrase.

        Args:
            image_features: of N masks, from ``encode_image`` or ``focus``.
            text_features: of T phrases.
            evidence: float32 (T, N) in nats, added to the scores.

        Returns:
            float32 (T, N), higher is better, as logits: their softmax over N is a probability.
        """

    def focus(
        self,
        image_features: Any,
        text_features: ContextFeatures,  # noqa: ARG002  by default nothing is deferred
        evidence: FloatArray | float = 0.0,  # noqa: ARG002
    ) -> ImageFeatures:
        """Image features completed with all that these phrases' scores need.

        A method may defer costly features until a phrase needs them; this computes them, so that
        ``score`` is nearly free again. By default nothing is deferred.
        """
        features: ImageFeatures = image_features
        return features

    def unknown(self, phrases: Sequence[TargetPhrase]) -> list[str | None]:
        """For each phrase a short reason why its scores are meaningless; by default None."""
        return [None] * len(phrases)

    def likeness(
        self,
        image_features: Any,
        nouns: ContextFeatures,
        common: ContextFeatures,
        others: BoolArray,
    ) -> tuple[FloatArray, FloatArray]:
        """How much each mask looks like each noun, and how far the noun leads over common ones.

        Args:
            image_features: of N masks, from ``encode_image`` or ``focus``.
            nouns: of T nouns.
            common: of K common nouns.
            others: bool (T, K), which of these name another thing than the noun.

        Returns:
            float32 (T, N) each, in nats.
        """
        scores = self.score(image_features, nouns)
        rivals = self.score(image_features, common)
        best = [rivals[other].max(axis=0, initial=-np.inf) for other in others]
        return scores, scores - np.reshape(best, scores.shape)

    def for_search(self) -> BlendedMethod:
        """The method for an index: one vector each for a mask in context and alone.

        Raises:
            ConfigurationError: when its scores are no cosines of such vectors.
        """
        raise ConfigurationError(
            f"{type(self).__name__} does not describe each mask by itself, so an index cannot use "
            "it; choose the method global-local, cropping or global, without local_top"
        )

    def features(
        self, image: UInt8Array, proposals: MaskProposals, phrases: Sequence[TargetPhrase]
    ) -> dict[str, FloatArray]:
        """All features by name, to compare implementations: ``visual_*``, ``text_*``, ``scores``.

        ``scores`` are float32 (T, N).
        """
        text = self.encode_text(phrases)
        visual = self.focus(self.encode_image(image, proposals), text)
        return {
            **{f"visual_{name}": values for name, values in visual.arrays.items()},
            **{f"text_{name}": values for name, values in text.arrays.items()},
            "scores": self.score(visual, text),
        }


class BlendedMethod(Method):
    """A method that encodes masks and phrases twice and blends both features.

    Its image features are ``ContextFeatures`` or a subclass.

    Attributes:
        alpha: weight of the global visual feature, 0 to 1 (equation 5).
        beta: weight of the whole expression, 0 to 1 (equation 8).
    """

    alpha: float
    beta: float

    def blend_faults(self) -> list[str]:
        """Messages about blend weights out of range."""
        weights = {"alpha": self.alpha, "beta": self.beta}
        return [f"{name} is from 0 to 1, not {w}" for name, w in weights.items() if not 0 <= w <= 1]


class SentenceMethod(Method):
    """A baseline that reads whole expressions, without noun phrases."""

    encoder: ClipBackbone

    def encode_text(self, phrases: Sequence[TargetPhrase]) -> ContextFeatures:
        """Whole expressions (equation 6), also in place of the noun phrases.

        To read: ``reference.sentence_feature``.

        Returns:
            float32 (T, D) each, L2-normalised where ``compat`` says so.
        """
        texts = [phrase.text for phrase in phrases]
        encoded = self.encoder.encode_text(texts, refuse_long=self.compat.long_text_error)
        sentences = normalize(encoded, self.compat.unit_text)
        return ContextFeatures(sentences, sentences)

    def features(
        self, image: UInt8Array, proposals: MaskProposals, phrases: Sequence[TargetPhrase]
    ) -> dict[str, FloatArray]:
        """As ``Method.features``, without noun phrases."""
        features = super().features(image, proposals, phrases)
        del features["text_local"]
        return features


def chosen_fields(compat: Compat, *names: str) -> dict[str, Any]:
    """Fields of a compatibility record by name, as JSON values."""
    values = {name: getattr(compat, name) for name in names}
    return {name: list(v) if isinstance(v, tuple) else v for name, v in values.items()}


def check_known(
    known: Mapping[str, FloatArray], shapes: Mapping[str, tuple[int | None, ...]]
) -> None:
    """Refuse cached arrays that ``encode_image`` cannot have computed.

    Args:
        known: arrays by name.
        shapes: of the possible float32 arrays; None is a side of any length.

    Raises:
        FeatureError: naming the first that does not fit.
    """
    for name, values in known.items():
        shape = shapes.get(name, ())
        fits = values.dtype == np.float32 and values.ndim == len(shape)
        if not fits or any(
            side not in (None, length) for side, length in zip(shape, values.shape, strict=True)
        ):
            raise FeatureError(
                f"its {name} features are {values.dtype} {values.shape} instead of float32 {shape}"
            )


def normalize(features: Tensor, wanted: bool) -> FloatArray:
    """Rows, L2-normalised if ``wanted``, as a contiguous array."""
    return (functional.normalize(features, dim=1) if wanted else features).contiguous().numpy()
