"""The shape that all methods share, in the order of the paper's figure 2.

::

    encode_image(image, proposals) -> image features     costly, once an image
    encode_text(phrases)           -> text features      cheap
    score(image features, text features) -> (T, N)       next to nothing

Nothing is cached inside a method: see ``refmask.cache.method`` for what wraps one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import zip_longest
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
    ContextFeatures,
    FloatArray,
    ImageFeatures,
    MaskProposals,
    TargetPhrase,
    UInt8Array,
)

#: Fields of ``Compat`` that change how any image enters a model.
INPUT = ("imagenet_statistics", "shorter_side", "plain_bilinear")
#: Image features of which none is known yet.
UNKNOWN: Mapping[str, FloatArray] = MappingProxyType({})


class Encoder(Protocol):
    """A loaded model, as what does not compute with it knows it."""

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
        """Settings of methods that its card recommends, by name."""
        ...

    @property
    def weights(self) -> Path | None:
        """The file its weights were read from, where there is one."""
        ...

    @property
    def weights_sha256(self) -> str | None:
        """SHA-256 of that file."""
        ...

    @property
    def model_cfg(self) -> dict[str, Any]:
        """What its features depend on beside weights, statistics and precision."""
        ...

    @property
    def statistics(self) -> PixelStatistics:
        """How its weights want pixels."""
        ...

    @property
    def precision(self) -> torch.dtype:
        """torch.float32 or torch.bfloat16, of its features."""
        ...

    @property
    def dim(self) -> int:
        """The width of its features."""
        ...


class Method(ABC):
    """Scores mask proposals against referring expressions.

    Attributes:
        encoder: the model it describes masks and phrases with.
        compat: corrected, or the released code's arithmetic.
    """

    encoder: Encoder
    compat: Compat

    @cached_property
    def preprocessing(self) -> Preprocessing:
        """How images and crops become what the encoder reads, ``compat`` resolved."""
        own, compat = self.encoder.statistics, self.compat
        imagenet, plain = compat.imagenet_statistics, compat.plain_bilinear
        return Preprocessing(
            side=own.side,
            mean=IMAGENET_MEAN if imagenet else own.mean,
            std=IMAGENET_STD if imagenet else own.std,
            interpolation="bilinear" if plain else own.interpolation,
            antialias=not plain,
            fill=compat.crop_fill,
            shorter_side=compat.shorter_side,
        )

    def crop_boxes(self, proposals: MaskProposals) -> FloatArray:
        """Boxes (N, 4) that crops are cut to: tight, or the released code's projections."""
        return projected_boxes(proposals.masks) if self.compat.projected_boxes else proposals.boxes

    @abstractmethod
    def image_settings(self) -> dict[str, dict[str, Any]]:
        """What image features depend on, beside the model, the image and its masks.

        Returns:
            For each array that is worth keeping, by its name, its settings: what JSON can hold.
            Methods that compute an array in the same way give it the same name and settings.
        """

    @abstractmethod
    def encode_image(
        self, image: UInt8Array, proposals: MaskProposals, known: Mapping[str, FloatArray] = UNKNOWN
    ) -> ImageFeatures:
        """The costly, text-free part.

        Args:
            image: uint8 RGB (H, W, 3).
            proposals: N masks of that size.
            known: arrays that an equal method gave for this image and these masks; they are not
                computed again.

        Raises:
            FeatureError: when a known array does not fit.
        """

    @abstractmethod
    def encode_text(self, phrases: Sequence[TargetPhrase]) -> ContextFeatures:
        """Features of T phrases: float32 (T, D) of the whole expressions and of the noun phrases.

        Raises:
            ExpressionError: when one is longer than the model reads, where ``compat`` forbids it.
        """

    @abstractmethod
    def score(
        self,
        image_features: Any,
        text_features: ContextFeatures,
        evidence: FloatArray | float = 0.0,
    ) -> FloatArray:
        """How well each mask answers each phrase.

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
        text_features: ContextFeatures,  # noqa: ARG002  by default all is known
        evidence: FloatArray | float = 0.0,  # noqa: ARG002
    ) -> ImageFeatures:
        """Image features that know all that these phrases' scores need.

        Where a method puts some of its work off until a phrase needs it, this does it: scores of
        what it returns are next to nothing again. By default there is nothing to do.
        """
        features: ImageFeatures = image_features
        return features

    def unknown(self, phrases: Sequence[TargetPhrase]) -> list[str | None]:
        """For each phrase a short reason why its scores mean nothing; by default None for all."""
        return [None] * len(phrases)

    def fits(
        self,
        image_features: Any,  # noqa: ARG002  by default nothing speaks against a mask
        text_features: ContextFeatures,  # noqa: ARG002
        best: int,  # noqa: ARG002
    ) -> bool:
        """Whether the best mask of a single phrase can be what the phrase names at all."""
        return True

    def for_search(self) -> BlendedMethod:
        """The method as an index uses it: one vector each for a mask in context and alone.

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
        """All that another implementation can be compared with, by name: ``visual_*``, ``text_*``.

        And ``scores``, float32 (T, N).
        """
        text = self.encode_text(phrases)
        visual = self.focus(self.encode_image(image, proposals), text)
        return {
            **{f"visual_{name}": values for name, values in visual.arrays.items()},
            **{f"text_{name}": values for name, values in text.arrays.items()},
            "scores": self.score(visual, text),
        }


class BlendedMethod(Method):
    """A method that describes masks and phrases twice and blends both descriptions.

    Its image features are ``ContextFeatures``, or derive from it.

    Attributes:
        alpha: weight of the global visual feature, 0 to 1 (equation 5).
        beta: weight of the whole expression, 0 to 1 (equation 8).
    """

    alpha: float
    beta: float

    def blend_faults(self) -> list[str]:
        """What is wrong with the weights of the blends."""
        weights = {"alpha": self.alpha, "beta": self.beta}
        return [f"{name} is from 0 to 1, got {w}" for name, w in weights.items() if not 0 <= w <= 1]


class SentenceMethod(Method):
    """A baseline: it reads whole expressions, and no noun phrases."""

    encoder: ClipBackbone

    def encode_text(self, phrases: Sequence[TargetPhrase]) -> ContextFeatures:
        """Whole expressions (equation 6), in the noun phrases' place, too.

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
        found = super().features(image, proposals, phrases)
        del found["text_local"]
        return found


def chosen_fields(compat: Compat, *names: str) -> dict[str, Any]:
    """Fields of a compatibility record by name, as JSON holds them."""
    values = {name: getattr(compat, name) for name in names}
    return {name: list(v) if isinstance(v, tuple) else v for name, v in values.items()}


def check_known(
    known: Mapping[str, FloatArray], shapes: Mapping[str, tuple[int | None, ...]]
) -> None:
    """Refuse arrays that cannot be what ``encode_image`` gave.

    Args:
        known: arrays by name.
        shapes: what float32 arrays there can be; None stands for a side of any length.

    Raises:
        FeatureError: naming the first that does not fit.
    """
    for name, values in known.items():
        shape = shapes.get(name, ())
        wanted = tuple(
            there if side is None else side
            for side, there in zip_longest(shape, values.shape[: len(shape)], fillvalue=-1)
        )
        if values.dtype != np.float32 or values.shape != wanted:
            raise FeatureError(
                f"its {name} features are {values.dtype} {values.shape} instead of float32 {shape}"
            )


def normalize(features: Tensor, wanted: bool) -> FloatArray:
    """Rows of length 1 where that is wanted, as an array of their own memory layout."""
    return (functional.normalize(features, dim=1) if wanted else features).contiguous().numpy()
