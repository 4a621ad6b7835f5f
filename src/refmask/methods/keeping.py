"""What is looked at once: parts of an observation, noted, kept in a store, and taken from there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from refmask.cache.features import FeatureCache
from refmask.cache.hashing import picture_hash, proposals_hash
from refmask.errors import ConfigurationError
from refmask.methods.base import Encoder
from refmask.methods.configuration import model_configuration
from refmask.types import FloatArray, MaskProposals, UInt8Array

#: Counted up when the same model and settings give other features than before, beyond rounding.
ARITHMETIC = 1


@dataclass(frozen=True, eq=False)
class Part:
    """A part of what a method saw.

    Attributes:
        settings: what it depends on beside the model, the picture and its masks.
        values: float32.
    """

    settings: Mapping[str, Any]
    values: FloatArray


@dataclass(frozen=True, eq=False)
class Keeping:
    """A ``Keep`` for one picture and its masks that notes all parts it is asked for.

    Attributes:
        clip: the method's model.
        image: uint8 RGB (H, W, 3).
        proposals: N masks of that size.
        features: where parts are kept and taken from; None computes them.
        parts: those asked for, by name.
    """

    encoder: Encoder
    image: UInt8Array
    proposals: MaskProposals
    features: FeatureCache | None = None
    parts: dict[str, Part] = field(default_factory=dict)

    def __call__(
        self,
        part: str,
        settings: Mapping[str, Any],
        shape: tuple[int | None, ...],
        compute: Callable[[], FloatArray],
    ) -> FloatArray:
        """See ``refmask.methods.base.Keep``.

        Raises:
            ConfigurationError: when there is a store, but the model's weights are no file.
        """
        values = None
        if self.features is not None:
            owner = {"part": part, **self._looked_at, **settings}
            values = self.features.get(owner, shape)
        if values is None:
            # Laid out as a file gives them back: sums over another layout round otherwise.
            values = np.ascontiguousarray(compute())
            if self.features is not None:
                self.features.put(owner, values)
        self.parts[part] = Part(settings, values)
        return values

    @cached_property
    def _looked_at(self) -> dict[str, Any]:
        told = kept_model(self.encoder)
        del told["model"]  # only a name
        return told | {
            "picture": picture_hash(self.image),
            "proposals": proposals_hash(self.proposals),
        }


def kept_model(encoder: Encoder) -> dict[str, Any]:
    """A model as kept features name it: ``model_configuration`` and the version of our arithmetic.

    Raises:
        ConfigurationError: when its weights are no file, so that nothing tells them from others.
    """
    if encoder.weights is None:
        raise ConfigurationError(
            "expected a model whose weights are a file, to know its features by, "
            f"{encoder.name} has none; load it by load_clip, or keep no features"
        )
    return model_configuration(encoder) | {"arithmetic": ARITHMETIC}
