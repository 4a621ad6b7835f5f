"""Query a scene with other blend weights; its features are unblended, so none is recomputed."""

from __future__ import annotations

import dataclasses
from typing import Any

from refmask.errors import ConfigurationError
from refmask.methods import Method
from refmask.scene import Scene
from refmask.segmenter import Segmenter


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
    return dataclasses.replace(segmenter, method=method)


def blended(scene: Scene, alpha: float | None = None, beta: float | None = None) -> Scene:
    """A scene that shares all arrays, queried with other weights.

    Raises:
        ConfigurationError: as ``with_blends``.
    """
    segmenter = with_blends(scene.segmenter, alpha, beta)
    same = segmenter is scene.segmenter
    return scene if same else dataclasses.replace(scene, segmenter=segmenter)
