"""What is remembered of browser tabs, and told of answers."""

from __future__ import annotations

from dataclasses import dataclass

from refmask.answer import Segmentation


@dataclass(frozen=True)
class Tab:
    """One image and the phrases about it; its scene is held elsewhere, and may be let go.

    Attributes:
        key: of its scene.
        name: of the image's file.
        regions: how many proposals there are.
        seconds: that looking at it took.
        asked: different expressions, in the order in which they were first asked.
        expression: the one asked last; None before the first.
    """

    key: str
    name: str
    regions: int
    seconds: float
    asked: tuple[str, ...] = ()
    expression: str | None = None


@dataclass(frozen=True, eq=False)
class Answered:
    """An answer with all that is told of it.

    Attributes:
        tab: which asked.
        answer: to its last expression.
        weights: alpha and beta, as far as the method has them.
        milliseconds: that the answer took.
    """

    tab: Tab
    answer: Segmentation
    weights: dict[str, float]
    milliseconds: float
