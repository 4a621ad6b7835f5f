"""Caching wraps a method from outside: image features on disk, text features in memory."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import numpy as np

from refmask.cache.container import IMAGE
from refmask.cache.features import FeatureCache
from refmask.compat import Compat
from refmask.errors import FeatureError, RefmaskWarning
from refmask.fingerprint import Fingerprint, of_features, of_image, of_masks
from refmask.methods.base import UNKNOWN, BlendedMethod, Encoder, Method
from refmask.types import (
    BoolArray,
    ContextFeatures,
    FloatArray,
    ImageFeatures,
    MaskProposals,
    TargetPhrase,
    UInt8Array,
)

#: Bytes of text features: some 8,000 phrases of a ViT-B/32.
TEXTS = 32 * 2**20


class TextCache:
    """Text features by phrase, within a number of bytes; least recently used ones go first.

    Threads may share it. While one of them encodes the others wait, so that nothing is encoded
    twice.

    Args:
        limit: bytes.
    """

    def __init__(self, limit: int = TEXTS) -> None:
        self.limit = limit
        self._rows: OrderedDict[tuple[str, ...], FloatArray] = OrderedDict()
        self._batches: dict[tuple[TargetPhrase, ...], ContextFeatures] = {}
        self._size = 0
        self._lock = Lock()

    def encode(self, method: Method, phrases: Sequence[TargetPhrase]) -> ContextFeatures:
        """A method's features of phrases, float32 (T, D) each; always of the same method."""
        if not phrases:
            return method.encode_text(phrases)
        with self._lock:
            keys = [(phrase.text, phrase.noun_phrase, phrase.head) for phrase in phrases]
            pairs = zip(keys, phrases, strict=True)
            new = {key: phrase for key, phrase in pairs if key not in self._rows}
            if new:
                text = method.encode_text(list(new.values()))
                rows = np.stack([text.global_context, text.local_context], axis=1)
                self._rows |= {key: row.copy() for key, row in zip(new, rows, strict=True)}
                self._size += rows.nbytes
            found = np.stack([self._rows[key] for key in keys], axis=1)
            for key in keys:
                self._rows.move_to_end(key)
            while self._size > self.limit:
                self._size -= self._rows.popitem(last=False)[1].nbytes
        return ContextFeatures(*found)

    def encode_together(self, method: Method, phrases: tuple[TargetPhrase, ...]) -> ContextFeatures:
        """The features of phrases that are always needed together; kept beside the limit.

        Features differ by rounding with the texts that are encoded beside them: these do not.
        """
        with self._lock:
            if phrases not in self._batches:
                self._batches[phrases] = method.encode_text(phrases)
            return self._batches[phrases]


@dataclass(frozen=True, eq=False)
class CachedMethod(Method):
    """A method whose image and text features are computed once.

    Attributes:
        method: computes what is not there.
        features_on_disk: image features on disk; None computes them each time.
        texts: text features in memory.
    """

    method: Method
    features_on_disk: FeatureCache | None = None
    texts: TextCache = field(default_factory=TextCache)
    encoder: Encoder = field(init=False)
    compat: Compat = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "encoder", self.method.encoder)
        object.__setattr__(self, "compat", self.method.compat)

    def image_settings(self) -> dict[str, dict[str, Any]]:
        """The method's."""
        return self.method.image_settings()

    def encode_image(
        self, image: UInt8Array, proposals: MaskProposals, known: Mapping[str, FloatArray] = UNKNOWN
    ) -> ImageFeatures:
        """The method's; arrays are read from disk where they are there, else written to it.

        Raises:
            ConfigurationError: when there is a disk cache, but the model's weights are no file.
        """
        cache = self.features_on_disk
        if cache is None or not len(proposals):
            return self.method.encode_image(image, proposals, known)
        place = {IMAGE: of_image(image), "proposals": of_masks(proposals)}
        model = {name: v for name, v in of_features(self.encoder).items() if name != "model"}
        keys = {
            name: Fingerprint({"part": name, **model, **place, **settings})
            for name, settings in self.image_settings().items()
        }
        found = {name: cache.get(key) for name, key in keys.items() if name not in known}
        cached = {name: values for name, values in found.items() if values is not None}
        try:
            features = self.method.encode_image(image, proposals, {**cached, **known})
        except FeatureError as error:
            warnings.warn(f"cached features are left out: {error}", RefmaskWarning, stacklevel=2)
            cached = {}
            features = self.method.encode_image(image, proposals, known)
        for name in keys.keys() - cached.keys() - known.keys():
            cache.put(keys[name], features.arrays[name])
        return features

    def encode_text(self, phrases: Sequence[TargetPhrase]) -> ContextFeatures:
        """The method's, each phrase encoded once."""
        return self.texts.encode(self.method, phrases)

    def score(
        self,
        image_features: Any,
        text_features: ContextFeatures,
        evidence: FloatArray | float = 0.0,
    ) -> FloatArray:
        """The method's."""
        return self.method.score(image_features, text_features, evidence)

    def focus(
        self,
        image_features: Any,
        text_features: ContextFeatures,
        evidence: FloatArray | float = 0.0,
    ) -> ImageFeatures:
        """The method's; it is not cached."""
        return self.method.focus(image_features, text_features, evidence)

    def unknown(self, phrases: Sequence[TargetPhrase]) -> list[str | None]:
        """The method's."""
        return self.method.unknown(phrases)

    def likeness(
        self,
        image_features: Any,
        nouns: ContextFeatures,
        common: ContextFeatures,
        others: BoolArray,
    ) -> tuple[FloatArray, FloatArray]:
        """The method's."""
        return self.method.likeness(image_features, nouns, common, others)

    def for_search(self) -> BlendedMethod:
        """The method's; it is not cached."""
        return self.method.for_search()
