"""The paper's method with an image classifier in CLIP's place.

A mask is a distribution over the classifier's classes, in context and alone; a noun is an affinity
to each class (after ConSE, Norouzi et al., ICLR 2014). Their product replaces the cosine, and both
blends stay (equations 5 and 8), on log probabilities.

A posterior cannot distinguish an object from its parts. Where proposals overlap, being alternative
guesses at the extent of objects, two priors help: how well a mask covers what looks like the noun,
and the proposer's quality.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from refmask.classifier import Classifier
from refmask.classifier.crops import BLUR, MARGIN, cut_crops
from refmask.classifier.words import Reading, load_words
from refmask.compat import Compat
from refmask.errors import ConfigurationError
from refmask.methods.base import UNKNOWN, BlendedMethod, check_known
from refmask.methods.global_local import LOCAL
from refmask.methods.shortlist import PartialFeatures, Rows, best_rows, others_below
from refmask.ops.maps import mask_shares
from refmask.ops.masks import areas_of
from refmask.types import (
    BoolArray,
    ContextFeatures,
    FloatArray,
    MaskProposals,
    TargetPhrase,
    UInt8Array,
)

#: Added to probabilities before their logarithm, so that no class is excluded.
LEAST = 1e-4
#: Scores are divided by it. Chosen like the weights below, by mean IoU on 64 photographs.
TEMPERATURE = 0.5
#: What leads over chance by less, in nats, tells next to nothing, and loses so many.
ABOVE_CHANCE, NOTHING = 1.0, 5.0
#: Nouns whose affinities have at least this cosine mean nearly the same.
SYNONYM = 0.5
#: Masks that cover their union more than this many times on average are alternative guesses.
OVERLAPPING = 1.5
#: Weights of the priors on extent: the proposer's quality; coverage of what looks like the noun,
#: when selecting masks for crops; and the same coverage once crops are known.
QUALITY, COVERING, COVERING_AT_LAST = 0.6, 1.0, 0.35
#: Heat at this quantile of the image counts as the maximum.
HOTTEST = 0.95
#: Name of the class logits of all positions.
PLACES = "places"


@dataclass(frozen=True, eq=False)
class PosteriorFeatures(PartialFeatures):
    """Class probabilities of each mask, float32 (N, C) in context and alone, and of the image.

    Attributes:
        logits: float32 (C, h, w), of each position of the image.
        places: float32 (h * w, C), class probabilities of each position.
        shares: float32 (N, h * w), the area of each position that a mask covers, as a share of the
            image.
        overlapping: whether the masks are alternative guesses, so that the priors apply.
    """

    logits: FloatArray
    places: FloatArray
    shares: FloatArray
    overlapping: bool

    @property
    def arrays(self) -> dict[str, FloatArray]:
        """As of ``ContextFeatures``, and the logits by the name "places"."""
        return super().arrays | {PLACES: self.logits}


@dataclass(frozen=True, eq=False)
class ClassPosterior(BlendedMethod):
    """Class posteriors in context and alone, blended.

    Attributes:
        encoder: the classifier.
        alpha: weight of the global visual feature, 0 to 1 (equation 5).
        beta: weight of the whole expression, 0 to 1 (equation 8).
        local_top: number of masks per phrase that get local features, the best by the global
            ones; None for all. See ``refmask.methods.shortlist``.
        compat: the default; there is no released code of this method.

    Raises:
        ConfigurationError: for another encoder, weights outside 0 to 1, or a local_top below 1;
            all faults at once.
    """

    encoder: Classifier
    alpha: float = 0.45
    beta: float = 0.1
    local_top: int | None = 28
    compat: Compat = field(default_factory=Compat)

    def __post_init__(self) -> None:
        faults = self.blend_faults()
        if self.local_top is not None and self.local_top < 1:
            faults.append(f"local_top is at least 1, not {self.local_top}")
        if not isinstance(self.encoder, Classifier):
            faults.append("class-posterior needs the model 'offline'; choose it, or another method")
        if self.compat != Compat():
            faults.append("the model 'offline' has no released code; leave compat out")
        if faults:
            raise ConfigurationError("; ".join(faults))

    def image_settings(self) -> dict[str, dict[str, Any]]:
        """Of the logits and, without ``local_top``, of the crops' probabilities."""
        settings = {PLACES: self.encoder.model_cfg}
        if self.local_top is None:
            settings[LOCAL] = self.encoder.model_cfg | {"margin": MARGIN, "blur": BLUR}
        return settings

    def encode_image(
        self, image: UInt8Array, proposals: MaskProposals, known: Mapping[str, FloatArray] = UNKNOWN
    ) -> PosteriorFeatures:
        """Class probabilities of all positions, masks and, without ``local_top``, all crops."""
        count = len(proposals)
        shapes = {PLACES: (self.encoder.dim, None, None), LOCAL: (count, self.encoder.dim)}
        check_known(known, {name: shapes[name] for name in self.image_settings()})
        logits = known.get(PLACES)
        logits = self.encoder.encode_places(image) if logits is None else logits
        flat = torch.from_numpy(logits).flatten(1).T
        means = mask_shares(proposals, (logits.shape[1], logits.shape[2])).flatten(1)
        areas = areas_of(proposals.masks) / (image.shape[0] * image.shape[1])
        features = PosteriorFeatures(
            global_context=(means @ flat).softmax(dim=1).numpy(),
            local_context=known.get(LOCAL, np.zeros((count, self.encoder.dim), np.float32)),
            image=image,
            proposals=proposals,
            known=np.full(count, LOCAL in known),
            logits=logits,
            places=flat.softmax(dim=1).numpy(),
            shares=np.asarray(means.numpy() * areas[:, None], np.float32),
            overlapping=bool(areas.sum() > OVERLAPPING * proposals.masks.any(axis=0).mean()),
        )
        return features if self.local_top else self._with_crops(features, np.arange(count))

    def encode_text(self, phrases: Sequence[TargetPhrase]) -> ContextFeatures:
        """Affinities of every phrase to the classes (in place of equations 6 and 7).

        Returns:
            float32 (T, C) each, 0 to 1, of the whole expression and of the noun phrase; zeros where
            the words are unknown.
        """
        readings = self._readings(phrases)
        shape = (len(phrases), self.encoder.dim)
        return ContextFeatures(
            np.array([reading.sentence for reading in readings], np.float32).reshape(shape),
            np.array([reading.noun for reading in readings], np.float32).reshape(shape),
        )

    def unknown(self, phrases: Sequence[TargetPhrase]) -> list[str | None]:
        """For each phrase why its noun is unknown, or None."""
        return [reading.unknown for reading in self._readings(phrases)]

    def likeness(
        self,
        image_features: ContextFeatures,
        nouns: ContextFeatures,
        common: ContextFeatures,
        others: BoolArray,
    ) -> tuple[FloatArray, FloatArray]:
        """Log likelihoods; and their lead over chance, plus its lead over that of common nouns.

        Chance is a uniform distribution over the classes. The lesser of both leads over it counts,
        in context or alone: a tenth of the classes have an affinity to persons, so that in one of
        both persons seem to be everywhere. Common nouns that mean nearly the same are no rivals.
        """
        affinity, rivals = nouns.blend(self.beta), common.blend(self.beta)
        alone = image_features.local_context
        known = alone.any(axis=1, keepdims=True)
        alone = np.where(known, alone, image_features.global_context)
        features = ContextFeatures(image_features.global_context, alone)
        chance = _chance(affinity)
        likely, rival = self._likelihood(features, affinity), self._likelihood(features, rivals)
        others = others & (_cosines(affinity, rivals) < SYNONYM)
        rival -= _chance(rivals)
        best = [rival[other].max(axis=0, initial=-np.inf) for other in others]
        lead = likely - chance
        contrast = np.minimum(*_views(features, affinity)) - chance
        contrast += lead - np.reshape(best, likely.shape)
        contrast[lead < ABOVE_CHANCE] -= NOTHING
        return likely, np.asarray(contrast, np.float32)

    def focus(
        self,
        image_features: ContextFeatures,
        text_features: ContextFeatures,
        evidence: FloatArray | float = 0.0,
    ) -> ContextFeatures:
        """Adds the crops of each phrase's ``local_top`` best masks."""
        if not isinstance(image_features, PosteriorFeatures):
            return image_features
        guess, _ = self._guess(image_features, text_features.blend(self.beta), evidence)
        return self._with_crops(image_features, best_rows(guess, self.local_top))

    def score(
        self,
        image_features: ContextFeatures,
        text_features: ContextFeatures,
        evidence: FloatArray | float = 0.0,
    ) -> FloatArray:
        """Log probability that a mask shows what the phrase names, with the priors on extent.

        Args:
            image_features: from ``encode_image`` or ``focus``; or an index's features, without
                their image, to which no priors apply.
            text_features: of T phrases.
            evidence: float32 (T, N) in nats, added to the scores.

        Returns:
            float32 (T, N).
        """
        affinity = text_features.blend(self.beta)
        if not isinstance(image_features, PosteriorFeatures):
            likely = self._likelihood(image_features, affinity) / np.float32(TEMPERATURE)
            return likely + np.float32(evidence)
        guess, covering = self._guess(image_features, affinity, evidence)
        best = best_rows(guess, self.local_top)
        features = self._with_crops(image_features, best)  # nothing to do after ``focus``
        prior = TEMPERATURE * evidence + _quality(features)
        scores = self._likelihood(features, affinity) + prior + COVERING_AT_LAST * covering
        return np.asarray(others_below(scores, guess, best) / TEMPERATURE, np.float32)

    def for_search(self) -> BlendedMethod:
        """With crops of all masks; an index's scores have no priors on extent."""
        return replace(self, local_top=None)

    def _guess(
        self, features: PosteriorFeatures, affinity: FloatArray, evidence: FloatArray | float
    ) -> tuple[FloatArray, FloatArray | float]:
        """Scores before any crop is known, which select masks for crops; and ``_covering``.

        Returns:
            float32 (T, N) each; 0 for no covering.
        """
        prior = TEMPERATURE * evidence + _quality(features)
        covering = _covering(features, affinity)
        guess = self._likelihood(features.in_context, affinity) + prior + COVERING * covering
        return guess, covering

    def _with_crops(self, features: PosteriorFeatures, masks: Rows) -> PosteriorFeatures:
        """Adds the class probabilities of the crops of these masks."""

        def encode(chosen: MaskProposals) -> FloatArray:
            side = self.encoder.statistics.side
            crops = cut_crops(features.image, chosen.masks, chosen.boxes, side)
            return torch.from_numpy(self.encoder.encode_crops(crops)).softmax(dim=1).numpy()

        return features.filled(masks, encode)

    def _readings(self, phrases: Sequence[TargetPhrase]) -> list[Reading]:
        words = load_words()
        return [words.read(phrase) for phrase in phrases]

    def _likelihood(self, masks: ContextFeatures, affinity: FloatArray) -> FloatArray:
        """Blended log probabilities: (T, C) affinities to float32 (T, N)."""
        in_context, alone = _views(masks, affinity)
        return np.asarray(self.alpha * in_context + (1 - self.alpha) * alone, np.float32)


def _chance(affinity: FloatArray) -> FloatArray:
    """Log likelihood of a uniform distribution over the classes, float32 (T, 1)."""
    return np.asarray(np.log(affinity.mean(axis=1, keepdims=True) + np.float32(LEAST)))


def _cosines(left: FloatArray, right: FloatArray) -> FloatArray:
    """Of all pairs of rows, float32 (T, K); 0 for zeros."""
    norms = np.linalg.norm(left, axis=1)[:, None] * np.linalg.norm(right, axis=1)
    return np.asarray(left @ right.T / np.maximum(norms, LEAST), np.float32)


def _views(masks: ContextFeatures, affinity: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Log probabilities, float32 (T, N): in context, and alone."""
    in_context, alone = (
        np.log(affinity @ part.T + np.float32(LEAST))
        for part in (masks.global_context, masks.local_context)
    )
    return in_context, alone


def _quality(features: PosteriorFeatures) -> FloatArray | float:
    """The proposer's quality, float32 (N,) in nats; 0 where masks hardly overlap."""
    if not features.overlapping:
        return 0.0
    quality = np.maximum(features.proposals.quality, 0)
    return np.asarray(QUALITY * np.log(quality / max(quality.max(), LEAST) + 1e-3), np.float32)


def _covering(features: PosteriorFeatures, affinity: FloatArray) -> FloatArray | float:
    """How well masks cover what looks like the nouns, in nats: float32 (T, N), or 0 likewise."""
    if not features.overlapping:
        return 0.0
    covering = soft_iou(features.places @ affinity.T, features.shares)
    return np.asarray(np.log(covering + 1e-6), np.float32)


def soft_iou(heat: FloatArray, shares: FloatArray) -> FloatArray:
    """Intersection over union of masks and a heat map.

    Args:
        heat: float32 (P, T), at least 0, of each position.
        shares: float32 (N, P), the area of each position that a mask covers, as a share of the
            image.

    Returns:
        float32 (T, N), 0 to 1.
    """
    top = np.quantile(heat, HOTTEST, axis=0)
    soft = np.sqrt(np.clip(heat / np.maximum(top, 1e-9), 0, 1)).T.astype(np.float32)
    shared = soft @ shares.T
    mask_only = shares.sum(axis=1) - shared
    return np.asarray(shared / (soft.mean(axis=1, keepdims=True) + mask_only))
