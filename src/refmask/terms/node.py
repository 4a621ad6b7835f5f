"""One thing of a reading among an image's proposals: what every term is asked about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from refmask.terms.layout import Layout
from refmask.types import (
    Cue,
    FloatArray,
    IntArray,
    MaskProposals,
    Reading,
    Relation,
    TargetPhrase,
    UInt8Array,
)

T = TypeVar("T")


class ImageEvidence:
    """What terms compute of an image and its N proposals, each once, when it is first needed.

    Args:
        image: uint8 RGB (H, W, 3).
        proposals: N masks of that size.
        known: results of functions that are known already.
    """

    def __init__(
        self,
        image: UInt8Array,
        proposals: MaskProposals,
        known: Mapping[Callable[..., Any], Any] | None = None,
    ) -> None:
        self._image, self._proposals = image, proposals
        self._computed: dict[Callable[..., Any], Any] = dict(known or {})

    def get(self, compute: Callable[[UInt8Array, MaskProposals], T]) -> T:
        """The result of a function of the image and its proposals."""
        if compute not in self._computed:
            self._computed[compute] = compute(self._image, self._proposals)
        result: T = self._computed[compute]
        return result


@dataclass(frozen=True, eq=False)
class Node:
    """One thing of a reading among N proposals.

    Attributes:
        reading: what is said of it.
        phrase: its noun as a phrase, or the whole phrase that asks for it.
        layout: where the proposals lie, each in the place of the thing that it draws.
        owner: int64 (N,), the proposal that stands for the thing that each draws.
        kind: float64 (N,), 0 to 1, how far a proposal counts among the things of this noun; 0
            where another one stands for it.
        landmarks: for each relation whose landmark is known float64 (N,), 0 to 1, how far each
            proposal is the landmark.
        image: what was computed of the image.
    """

    reading: Reading
    phrase: TargetPhrase
    layout: Layout
    owner: IntArray
    kind: FloatArray
    landmarks: tuple[tuple[Relation, FloatArray], ...]
    image: ImageEvidence = field(repr=False)

    def total(self, kind: str, value: Callable[[Cue], FloatArray]) -> FloatArray | None:
        """The sum over its cues of a kind, float64 (N,), or None; denied ones count minus half."""
        values = [
            value(cue) * (-0.5 if cue.negated else 1.0)
            for cue in self.reading.cues
            if cue.kind == kind
        ]
        return np.asarray(np.sum(values, axis=0)) if values else None

    def directions(self) -> list[str]:
        """The directions that its cues of place and depth name."""
        return [cue.value for cue in self.reading.cues if cue.kind in ("place", "depth")]
