"""A scene asked with other blends: its features are kept unblended, so nothing is looked at."""

from __future__ import annotations

import dataclasses
from typing import Any

from refmask.errors import ConfigurationError
from refmask.methods import Method
from refmask.scene import Scene
from refmask.segmenter import Segmenter


def blends(method: Method) -> dict[str, float]:
    """Which of alpha and beta a method lets one choose, and what they are now."""
    fields: tuple[Any, ...] = dataclasses.fields(method)  # type: ignore[arg-type]  # each is one
    chosen = {field.name for field in fields if field.init}
    return {name: getattr(method, name) for name in ("alpha", "beta") if name in chosen}


def with_blends(
    segmenter: Segmenter, alpha: float | None = None, beta: float | None = None
) -> Segmenter:
    """The same system with other blends; None leaves one as it is.

    Args:
        segmenter: stays as it is.
        alpha: weight of the global visual feature, 0 to 1 (equation 5).
        beta: weight of the whole expression, 0 to 1 (equation 8).

    Raises:
        ConfigurationError: when the method has no such weight, or it lies outside 0 to 1.
    """
    asked = {name: value for name, value in (("alpha", alpha), ("beta", beta)) if value is not None}
    has = blends(segmenter.method)
    foreign = sorted(asked.keys() - has.keys())
    if foreign:
        raise ConfigurationError(
            f"this method has no {' and no '.join(foreign)} to choose; leave it out"
        )
    if all(has[name] == value for name, value in asked.items()):
        return segmenter
    other: Any = dataclasses.replace(segmenter.method, **asked)  # type: ignore[type-var]
    return dataclasses.replace(segmenter, method=other)


def blended(scene: Scene, alpha: float | None = None, beta: float | None = None) -> Scene:
    """The same scene, asked by a system with other blends; it shares all arrays.

    Raises:
        ConfigurationError: as ``with_blends``.
    """
    segmenter = with_blends(scene.segmenter, alpha, beta)
    same = segmenter is scene.segmenter
    return scene if same else dataclasses.replace(scene, segmenter=segmenter)
