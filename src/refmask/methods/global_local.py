"""The paper's method: each mask and each phrase encoded twice and blended (section 3).

And its two extremes, the baselines of tables 1, 3 and 5.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import torch
from torch.nn import functional

from refmask.clip import ClipBackbone
from refmask.compat import Compat
from refmask.errors import ConfigurationError
from refmask.methods.base import (
    INPUT,
    UNKNOWN,
    BlendedMethod,
    check_known,
    chosen_fields,
    normalize,
)
from refmask.ops.pixels import (
    crop_source,
    cut_crops,
    grid_masks,
    resize_shorter_side,
    whole_image,
)
from refmask.types import ContextFeatures, FloatArray, MaskProposals, TargetPhrase, UInt8Array

#: Crops cut and encoded at a time: bounds memory for any number of masks.
CROPS = 32
GLOBAL, LOCAL = "global", "local"


@dataclass(frozen=True, eq=False)
class GlobalLocal(BlendedMethod):
    """Global-local context features.

    Attributes:
        encoder: the model.
        alpha: weight of the global visual feature, 0 to 1 (equation 5).
        beta: weight of the whole expression, 0 to 1 (equation 8).
        mask_layers: the paper's k for vision transformers; None for the tower's default.
        compat: the corrected or the released code's arithmetic.

    Raises:
        ConfigurationError: for weights outside 0 to 1, or mask_layers beyond the tower's depth;
            all faults at once.
    """

    encoder: ClipBackbone
    alpha: float = 0.85
    beta: float = 0.5
    mask_layers: int | None = None
    compat: Compat = field(default_factory=Compat)

    #: The visual features that ``encode_image`` computes; the other is zeros.
    described: ClassVar[tuple[str, ...]] = (GLOBAL, LOCAL)

    def __post_init__(self) -> None:
        faults = self.blend_faults()
        depth = getattr(self.encoder.tower, "depth", 0)
        if depth and self.mask_layers is not None and not 1 <= self.mask_layers <= depth:
            faults.append(f"mask_layers is from 1 to {depth}, not {self.mask_layers}")
        if faults:
            raise ConfigurationError("; ".join(faults))
        self.encoder.check_settings(self._tower_settings)

    def image_settings(self) -> dict[str, dict[str, Any]]:
        """See ``Method.image_settings``; "global" and "local" depend on different fields."""
        layers = self.mask_layers or getattr(self.encoder.tower, "mask_layers", None)
        settings = {
            GLOBAL: chosen_fields(self.compat, *INPUT, "unit_places", "unit_global")
            | {"mask_layers": layers},
            LOCAL: chosen_fields(self.compat, *INPUT, "crop_fill", "projected_boxes", "unit_local"),
        }
        return {name: settings[name] for name in self.described}

    def encode_image(
        self, image: UInt8Array, proposals: MaskProposals, known: Mapping[str, FloatArray] = UNKNOWN
    ) -> ContextFeatures:
        """Both visual features of every mask, ready to blend (equations 2 or 3, and 4).

        Returns:
            float32 (N, D) each, L2-normalised where ``compat`` says so; zeros where the method
            does not use a feature.

        Raises:
            FeatureError: when a cached array has the wrong shape or dtype.
        """
        shape = (len(proposals), self.encoder.dim)
        check_known(known, dict.fromkeys(self.described, shape))
        missing = [name for name in self.described if name not in known and len(proposals)]
        arrays = dict.fromkeys((GLOBAL, LOCAL), np.zeros(shape, np.float32)) | dict(known)
        if missing:
            resized = resize_shorter_side(image, self.preprocessing.shorter_side)
            encode = {GLOBAL: self.encode_in_context, LOCAL: self.encode_alone}
            arrays |= {name: encode[name](resized, proposals) for name in missing}
        return ContextFeatures(arrays[GLOBAL], arrays[LOCAL])

    def encode_in_context(self, image: UInt8Array, proposals: MaskProposals) -> FloatArray:
        """Global visual features, float32 (N, D): masked within the encoder (equation 2 or 3).

        To read: ``reference.masked_attention_pooling`` and ``reference.token_masking``.
        """
        features = self.encoder.encode_masked(
            whole_image(image, self.preprocessing),
            grid_masks(proposals, self.encoder.tower.grid, antialias=self.preprocessing.antialias),
            **self._tower_settings,
        )
        return normalize(features, self.compat.unit_global)

    def encode_alone(self, image: UInt8Array, proposals: MaskProposals) -> FloatArray:
        """Local visual features, float32 (N, D): masked and cropped (equation 4).

        To read: ``reference.local_context``.
        """
        source = crop_source(image, proposals.size, self.preprocessing)
        boxes = self.crop_boxes(proposals)
        parts = [slice(start, start + CROPS) for start in range(0, len(proposals), CROPS)]
        crops = (
            cut_crops(source, proposals.masks[part], boxes[part], self.preprocessing)
            for part in parts
        )
        features = torch.cat([*map(self.encoder.encode_image, crops)])
        return normalize(features, self.compat.unit_local)

    def encode_text(self, phrases: Sequence[TargetPhrase]) -> ContextFeatures:
        """Both text features of every phrase (equations 6 and 7), ready to blend.

        To read: ``reference.sentence_feature`` and ``reference.noun_phrase_feature``.

        Returns:
            float32 (T, D) each, L2-normalised where ``compat`` says so.
        """
        texts = [phrase.text for phrase in phrases] + [phrase.noun_phrase for phrase in phrases]
        encoded = self.encoder.encode_text(texts, refuse_long=self.compat.long_text_error)
        return ContextFeatures(*np.split(normalize(encoded, self.compat.unit_text), 2))

    def score(
        self,
        image_features: ContextFeatures,
        text_features: ContextFeatures,
        evidence: FloatArray | float = 0.0,
    ) -> FloatArray:
        """Similarity of every blended mask to every blended phrase (equations 5, 8 and 1).

        To read: ``reference.visual_feature``, ``reference.text_feature``, ``reference.similarity``.

        Returns:
            float32 (T, N): cosine (or, under the reference's ResNet, plain product) times the
            model's logit scale.
        """
        visual = torch.from_numpy(image_features.blend(self.alpha))
        text = torch.from_numpy(text_features.blend(self.beta))
        if self.compat.cosine:
            visual, text = functional.normalize(visual, dim=1), functional.normalize(text, dim=1)
        similarity: FloatArray = (self.encoder.logit_scale * text @ visual.T).numpy()
        return similarity + np.float32(evidence)

    def for_search(self) -> BlendedMethod:
        """Itself, if its scores are cosines; else see ``Method.for_search``."""
        if not self.compat.cosine:
            raise ConfigurationError(
                "the released code's ResNet compares by a plain product, an index by cosines; "
                "leave compat 'reference' out, or use a vision transformer"
            )
        return self

    @property
    def _tower_settings(self) -> dict[str, int | bool]:
        layers = {} if self.mask_layers is None else {"mask_layers": self.mask_layers}
        return layers | ({"unit_places": True} if self.compat.unit_places else {})


class _OneFeature(GlobalLocal):
    """One visual feature only; ``features`` includes both."""

    def features(
        self, image: UInt8Array, proposals: MaskProposals, phrases: Sequence[TargetPhrase]
    ) -> dict[str, FloatArray]:
        """As of the whole method with this blend."""
        whole = GlobalLocal(self.encoder, self.alpha, self.beta, self.mask_layers, self.compat)
        return whole.features(image, proposals, phrases)


@dataclass(frozen=True, eq=False)
class Cropping(_OneFeature):
    """The baseline with local features only (section 5.2), as in table 1.

    Attributes:
        alpha: always 0.
        beta: 1 in table 1; below it, the noun phrase takes part (table 3).
        mask_layers: always None.
    """

    alpha: float = field(default=0.0, init=False)
    beta: float = 1.0
    mask_layers: None = field(default=None, init=False)

    described = (LOCAL,)


@dataclass(frozen=True, eq=False)
class GlobalContext(_OneFeature):
    """The ablation with global features only (tables 3 and 5).

    Attributes:
        alpha: always 1.
        beta: 1 in table 5; below it, the noun phrase takes part (table 3).
    """

    alpha: float = field(default=1.0, init=False)
    beta: float = 1.0

    described = (GLOBAL,)
