"""The paper's method with an image classifier in CLIP's place.

What a mask shows is a distribution over the classifier's classes, once in context and once alone;
what a noun names is an affinity to each class (after ConSE, Norouzi et al., ICLR 2014). Their
product takes the cosine's place, and both blends stay (equations 5 and 8), on log probabilities.

A posterior does not tell a thing from a part of it. So where proposals overlap, as guesses at the
extent of things do, two priors help: how well a mask covers what looks like the noun, and the
proposer's own belief.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from refmask.classifier import Classifier
from refmask.classifier.crops import BLUR, MARGIN, cut_crops
from refmask.classifier.words import Reading, load_words
from refmask.compat import Compat
from refmask.errors import ConfigurationError
from refmask.methods.base import Keep, afresh
from refmask.methods.partial import PartialFeatures, Rows, best_rows, others_below
from refmask.ops.maps import mask_shares
from refmask.ops.masks import areas_of
from refmask.types import (
    ContextFeatures,
    FloatArray,
    MaskProposals,
    TargetPhrase,
    UInt8Array,
)

#: Added to probabilities before their logarithm: no class is ever ruled out.
LEAST = 1e-4
#: Scores are divided by it. Chosen like the weights below, by mean IoU on 64 photographs.
TEMPERATURE = 0.5
#: An answer less likely than this, in nats, is hardly what was asked for: of right answers on 64
#: photographs 5 % were, of answers to questions about what was not there 90 %.
DOUBTFUL = -3.5
#: Nor is one that is not so much likelier, in nats, than if all classes were equally likely, or in
#: context or alone less likely than that: a tenth of the classes hint at a person, so that persons
#: are seen everywhere a little. On the 64 photographs this doubts none of 91 right answers about
#: persons; of 288 answers about persons who are not there 6 % are sure instead of 48 %.
ABOVE_CHANCE = 1.0
#: Masks that cover their union more than so many times on average are guesses at extents.
OVERLAPPING = 1.5
#: Weights of the priors on extent: the proposer's quality; covering what looks like the noun, where
#: masks are chosen for a closer look; and the same after it, when crops have told more.
QUALITY, COVERING, COVERING_AT_LAST = 0.6, 1.0, 0.35
#: A place is as hot as can be when so large a share of the image is at most as hot.
HOTTEST = 0.95


@dataclass(frozen=True, eq=False)
class PosteriorFeatures(PartialFeatures):
    """Class probabilities of each mask, float32 (N, C) in context and alone, and of the image.

    Attributes:
        places: float32 (h * w, C), class probabilities of each place of the image.
        shares: float32 (N, h * w), of the image's area: what of each place a mask covers.
        overlapping: whether the masks are guesses at extents, so that the priors apply.
    """

    places: FloatArray
    shares: FloatArray
    overlapping: bool


@dataclass(frozen=True, eq=False)
class ClassPosterior:
    """Class posteriors in context and alone, blended.

    Attributes:
        encoder: the classifier.
        alpha: weight of the global visual feature, 0 to 1 (equation 5).
        beta: weight of the whole expression, 0 to 1 (equation 8).
        local_top: local features are computed for so many masks of each phrase, those that fit it
            best by the global ones; for all when None. See ``refmask.methods.shortlist``.
        compat: the corrected arithmetic; there is no released code of this method.

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
        faults = [
            f"{name} is from 0 to 1, got {value}"
            for name, value in (("alpha", self.alpha), ("beta", self.beta))
            if not 0 <= value <= 1
        ]
        if self.local_top is not None and self.local_top < 1:
            faults.append(f"local_top is at least 1, got {self.local_top}")
        if not isinstance(self.encoder, Classifier):
            faults.append("class-posterior needs the model 'offline'; choose it, or another method")
        if self.compat != Compat():
            faults.append("the model 'offline' has no released code; leave compat out")
        if faults:
            raise ConfigurationError("; ".join(faults))

    def observe(
        self, image: UInt8Array, proposals: MaskProposals, keep: Keep = afresh
    ) -> PosteriorFeatures:
        """Class probabilities of all places and masks; without ``local_top`` of all crops, too.

        Args:
            image: uint8 RGB (H, W, 3).
            proposals: N masks of that size.
            keep: asked for the places' logits and the crops' probabilities, apart.
        """
        told = self.encoder.model_cfg
        shape = (self.encoder.dim, None, None)
        logits = keep("places", told, shape, lambda: self.encoder.encode_places(image))
        grid = logits.shape[1], logits.shape[2]
        flat = torch.from_numpy(logits).flatten(1).T
        means = mask_shares(proposals, grid).flatten(1)
        areas = areas_of(proposals.masks) / (image.shape[0] * image.shape[1])
        nothing = np.zeros((len(proposals), self.encoder.dim), np.float32)
        seen = PosteriorFeatures(
            global_context=(means @ flat).softmax(dim=1).numpy(),
            local_context=nothing,
            image=image,
            proposals=proposals,
            known=np.zeros(len(proposals), np.bool_),
            places=flat.softmax(dim=1).numpy(),
            shares=np.asarray(means.numpy() * areas[:, None], np.float32),
            overlapping=bool(areas.sum() > OVERLAPPING * proposals.masks.any(axis=0).mean()),
        )
        if self.local_top is None:
            crops = told | {"margin": MARGIN, "blur": BLUR}
            seen.fill(
                np.arange(len(proposals)),
                lambda every: keep("local", crops, nothing.shape, lambda: self._alone(seen, every)),
            )
        return seen

    def read(self, phrases: Sequence[TargetPhrase]) -> ContextFeatures:
        """Affinities of every phrase to the classes (in the place of equations 6 and 7).

        Returns:
            float32 (T, C) each, 0 to 1, zeros where nothing is known: of the whole expression, and
            of the noun phrase.
        """
        readings = self._readings(phrases)
        shape = (len(phrases), self.encoder.dim)
        return ContextFeatures(
            np.array([reading.sentence for reading in readings], np.float32).reshape(shape),
            np.array([reading.noun for reading in readings], np.float32).reshape(shape),
        )

    def unknown(self, phrases: Sequence[TargetPhrase]) -> list[str | None]:
        """For each phrase why nothing is known about it, or None."""
        return [reading.unknown for reading in self._readings(phrases)]

    def doubt(self, observation: ContextFeatures, phrase: TargetPhrase, best: int) -> str | None:
        """Why a mask is hardly what a phrase names, or None.

        Args:
            observation: what a phrase was scored with.
            phrase: the phrase.
            best: index of the mask that answers it.
        """
        affinity = self.read([phrase]).blend(self.beta)
        alone = observation.local_context[best : best + 1]
        seen = observation.global_context[best : best + 1]
        features = ContextFeatures(seen, alone if alone.any() else seen)
        views = [view.item() for view in _views(features, affinity)]
        chance = float(np.log(affinity.mean() + LEAST))
        likely = self._likelihood(features, affinity).item()
        if likely >= max(DOUBTFUL, chance + ABOVE_CHANCE) and min(views) >= chance:
            return None
        return f"nothing here looks like '{phrase.head}' to this model"

    def score(
        self,
        observation: ContextFeatures,
        phrases: Sequence[TargetPhrase],
        evidence: FloatArray | float = 0.0,
    ) -> FloatArray:
        """Log probability that a mask shows what the phrase names, with the priors on extent.

        Args:
            observation: what ``observe`` gave, which gains the local features that these phrases
                need; or features without their image, to which no priors apply.
            phrases: T of them.
            evidence: float32 (T, N) in nats, added before the division by the temperature.

        Returns:
            float32 (T, N).
        """
        text = self.read(phrases)
        if not isinstance(observation, PosteriorFeatures):
            return self.similarity(observation, text) + np.float32(evidence / TEMPERATURE)
        affinity = text.blend(self.beta)
        prior, covering = evidence + _quality(observation), _covering(observation, affinity)
        guess = self._likelihood(observation.in_context, affinity) + prior + COVERING * covering
        best = best_rows(guess, self.local_top)
        observation.fill(np.unique(best), lambda new: self._alone(observation, new))
        scores = self._likelihood(observation, affinity) + prior + COVERING_AT_LAST * covering
        return np.asarray(others_below(scores, guess, best) / TEMPERATURE, np.float32)

    def similarity(self, masks: ContextFeatures, phrases: ContextFeatures) -> FloatArray:
        """As ``score``, without the priors, for masks and phrases of anywhere: float32 (T, N)."""
        return self._likelihood(masks, phrases.blend(self.beta)) / np.float32(TEMPERATURE)

    def features(
        self, image: UInt8Array, proposals: MaskProposals, phrases: Sequence[TargetPhrase]
    ) -> dict[str, FloatArray]:
        """Arrays to compare: visual (N, C) and text (T, C), and ``scores``.

        ``visual_local`` is zero where it was not computed.
        """
        observation, text = self.observe(image, proposals), self.read(phrases)
        scores = self.score(observation, phrases)
        return {
            "visual_global": observation.global_context,
            "visual_local": observation.local_context,
            "text_global": text.global_context,
            "text_local": text.local_context,
            "scores": scores,
        }

    def _readings(self, phrases: Sequence[TargetPhrase]) -> list[Reading]:
        words = load_words()
        return [words.read(phrase) for phrase in phrases]

    def _likelihood(self, masks: ContextFeatures, affinity: FloatArray) -> FloatArray:
        """Blended log probabilities: (T, C) affinities to float32 (T, N)."""
        everywhere, alone = _views(masks, affinity)
        return np.asarray(self.alpha * everywhere + (1 - self.alpha) * alone, np.float32)

    def _alone(self, observation: PosteriorFeatures, masks: Rows) -> FloatArray:
        """Class probabilities of the crops of these masks: float32 (M, C)."""
        proposals, side = observation.proposals, self.encoder.statistics.side
        crops = cut_crops(observation.image, proposals.masks[masks], proposals.boxes[masks], side)
        return torch.from_numpy(self.encoder.encode_crops(crops)).softmax(dim=1).numpy()


def _views(masks: ContextFeatures, affinity: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Log probabilities, float32 (T, N): in context, and alone."""
    everywhere, alone = (
        np.log(affinity @ part.T + np.float32(LEAST))
        for part in (masks.global_context, masks.local_context)
    )
    return everywhere, alone


def _quality(observation: PosteriorFeatures) -> FloatArray | float:
    """The proposer's own belief, float32 (N,) in nats; 0 where masks hardly overlap."""
    if not observation.overlapping:
        return 0.0
    quality = np.maximum(observation.proposals.quality, 0)
    return np.asarray(QUALITY * np.log(quality / max(quality.max(), LEAST) + 1e-3), np.float32)


def _covering(observation: PosteriorFeatures, affinity: FloatArray) -> FloatArray | float:
    """How well masks cover what looks like the nouns, in nats: float32 (T, N), or 0 as above."""
    if not observation.overlapping:
        return 0.0
    covering = soft_iou(observation.places @ affinity.T, observation.shares)
    return np.asarray(np.log(covering + 1e-6), np.float32)


def soft_iou(heat: FloatArray, shares: FloatArray) -> FloatArray:
    """How well masks cover what is hot, and nothing else.

    Args:
        heat: float32 (P, T), not negative, of each place.
        shares: float32 (N, P), of the image's area: what of each place a mask covers.

    Returns:
        float32 (T, N), 0 to 1.
    """
    top = np.quantile(heat, HOTTEST, axis=0)
    warmth = np.sqrt(np.clip(heat / np.maximum(top, 1e-9), 0, 1)).T.astype(np.float32)
    inside = warmth @ shares.T
    cold = shares.sum(axis=1) - inside
    return np.asarray(inside / (warmth.mean(axis=1, keepdims=True) + cold))
