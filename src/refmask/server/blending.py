"""Query a scene with another choice: blend weights, terms, and how many things an answer may be.

Features are unblended, and no term is in them, so none is computed again.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from typing import Any

from refmask.errors import ConfigurationError
from refmask.methods import Method
from refmask.scene import Scene
from refmask.segmenter import Segmenter
from refmask.selection import RULES
from refmask.terms import TERMS, load_term


def blends(method: Method) -> dict[str, float]:
    """The weights that a method has, of alpha and beta, with their values."""
    fields: tuple[Any, ...] = dataclasses.fields(method)  # type: ignore[arg-type]  # a dataclass
    settings = {field.name for field in fields if field.init}
    return {name: getattr(method, name) for name in ("alpha", "beta") if name in settings}


def with_blends(
    segmenter: Segmenter, alpha: float | None = None, beta: float | None = None
) -> Segmenter:
    """A copy of a segmenter with other weights; None keeps a weight.

    Args:
        segmenter: the original.
        alpha: weight of the global visual feature, 0 to 1 (equation 5).
        beta: weight of the whole expression, 0 to 1 (equation 8).

    Raises:
        ConfigurationError: when the method lacks a weight, or a weight is outside 0 to 1.
    """
    weights = {name: w for name, w in (("alpha", alpha), ("beta", beta)) if w is not None}
    current = blends(segmenter.method)
    unknown = sorted(weights.keys() - current.keys())
    if unknown:
        raise ConfigurationError(
            f"this method has no {' and no '.join(unknown)}; leave out what it does not have"
        )
    if current | weights == current:
        return segmenter
    method: Any = dataclasses.replace(segmenter.method, **weights)  # type: ignore[type-var]
    return segmenter.varied(method=method)


def with_choice(segmenter: Segmenter, terms: Collection[str], answers: str) -> Segmenter:
    """A copy of a segmenter that chooses by other terms and rules.

    Args:
        segmenter: the original; its terms keep their weights, others get 1.
        terms: names of those to use.
        answers: how many things an answer may be, a key of ``RULES``.

    Raises:
        ConfigurationError: for an unknown name.
    """
    for name in terms:
        load_term(name)
    if answers not in RULES:
        raise ConfigurationError(f"answers are one of {', '.join(RULES)}, not {answers!r}")
    weights = {name: segmenter.terms.get(name) or 1.0 for name in TERMS if name in terms}
    used = {name: weight for name, weight in segmenter.terms.items() if weight}
    if weights == used and RULES[answers] == segmenter.rules:
        return segmenter
    return segmenter.varied(terms=weights, rules=RULES[answers])


def blended(scene: Scene, alpha: float | None = None, beta: float | None = None) -> Scene:
    """A scene that shares all arrays, queried with other weights.

    Raises:
        ConfigurationError: as ``with_blends``.
    """
    segmenter = with_blends(scene.segmenter, alpha, beta)
    return scene if segmenter is scene.segmenter else scene.asked_by(segmenter)
