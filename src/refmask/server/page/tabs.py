"""The state of a browser tab, and the answers to it."""

from __future__ import annotations

from dataclasses import dataclass

from refmask.answer import Segmentation


@dataclass(frozen=True)
class Tab:
    """One image and its phrases; the scene is in ``SessionStore``, until it is deleted.

    Attributes:
        key: of the scene.
        name: of the image's file.
        regions: number of proposals.
        seconds: that encoding took.
        phrases: distinct expressions, in order of their first query.
        expression: of the last query; None before the first.
    """

    key: str
    name: str
    regions: int
    seconds: float
    phrases: tuple[str, ...] = ()
    expression: str | None = None


@dataclass(frozen=True, eq=False)
class TabAnswer:
    """An answer and its context.

    Attributes:
        tab: after the query.
        answer: to the tab's last expression.
        weights: alpha and beta, where the method has them.
        milliseconds: that the answer took.
    """

    tab: Tab
    answer: Segmentation
    weights: dict[str, float]
    milliseconds: float
