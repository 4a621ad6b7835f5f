"""Terms: evidence for an image's proposals that is added to any method's score, in nats.

To add a term: one file beside this one, and one line in ``TERMS``.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from refmask.errors import ConfigurationError
from refmask.types import FloatArray, MaskProposals, TargetPhrase, UInt8Array

#: Name -> module and class.
TERMS = {"colour": ("refmask.terms.colour", "Colour")}

#: What ``parse_terms`` takes beside names.
ALL, NONE = "all", "none"


class Term(Protocol):
    """Evidence about proposals, in two steps of very different cost."""

    def encode_image(self, image: UInt8Array, proposals: MaskProposals) -> Any:
        """The text-free part, once per image: uint8 RGB (H, W, 3) and N proposals."""
        ...

    def score(self, features: Any, phrase: TargetPhrase) -> FloatArray | None:
        """float32 (N,) in nats, higher is better; None where the phrase says nothing of it."""
        ...


def load_term(name: str) -> Term:
    """A term by name.

    Raises:
        ConfigurationError: for an unknown name.
    """
    if name not in TERMS:
        raise ConfigurationError(
            f"there is no term {name!r}; choose out of {', '.join(TERMS)}, or all or none"
        )
    module, cls = TERMS[name]
    term: Term = getattr(importlib.import_module(module), cls)()
    return term


def parse_terms(text: str) -> dict[str, float]:
    """Weights of terms by name.

    Args:
        text: "all", "none", or names separated by commas, each alone (weight 1) or as
            ``NAME:weight=W``.

    Raises:
        ConfigurationError: for an unknown name or a weight that is no number of at least 0.
    """
    if text in (ALL, NONE):
        return dict.fromkeys(TERMS if text == ALL else (), 1.0)
    weights = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, setting = part.partition(":")
        load_term(name)
        weights[name] = _weight(part, setting) if setting else 1.0
    return weights


def evidence(
    weights: Mapping[str, float],
    features: Mapping[str, Any],
    phrases: Sequence[TargetPhrase],
    count: int,
) -> list[dict[str, FloatArray]]:
    """What each term tells about each phrase, times its weight.

    Args:
        weights: of terms, by name.
        features: what each term encoded, by name.
        phrases: T of them.
        count: N, proposals.

    Returns:
        For each phrase float32 (N,) by name; terms of which it says nothing are left out.
    """
    told = []
    for phrase in phrases:
        values = {
            name: load_term(name).score(features[name], phrase)
            for name, weight in weights.items()
            if weight and count
        }
        told.append(
            {name: weights[name] * value for name, value in values.items() if value is not None}
        )
    return told


def _weight(part: str, setting: str) -> float:
    key, _, value = setting.partition("=")
    try:
        weight = float(value)
    except ValueError:
        weight = -1.0
    if key.strip() != "weight" or not 0 <= weight < float("inf"):
        raise ConfigurationError(
            f"terms are written as NAME or NAME:weight=W with W of at least 0, got {part!r}"
        )
    return weight
