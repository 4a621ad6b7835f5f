"""The state of a browser tab, and the answers to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

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


class Choice(NamedTuple):
    """What the controls are set to, in their order.

    Attributes:
        alpha: weight of the global visual feature, 0 to 1.
        beta: weight of the whole expression, 0 to 1.
        terms: names of those to use, with ``answers``.
        answers: how many things the answer may be; None before the model is loaded.
    """

    alpha: float
    beta: float
    terms: Sequence[str] = ()
    answers: str | None = None


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
