"""One thing of a reading among an image's proposals: what every term is asked about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import numpy as np

from refmask.reading import Cue, Reading, Relation
from refmask.terms.layout import Layout
from refmask.types import FloatArray, IntArray, MaskProposals, TargetPhrase, UInt8Array

T = TypeVar("T")
#: No thing is ruled out by its noun,
LEAST = 0.005
#: and large ones are likelier.
NOTICED = 0.3


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
        image: what is computed of the image and its proposals.
        scores: float (N,) of 0 or more, how far each proposal shows its noun; None where nothing is
            known of it.
        landmarks: for each relation whose landmark is known float64 (N,), 0 to 1, how far each
            proposal is the landmark.
        excluded: for each excluded thing float64 (N,), 0 to 1, how likely each proposal is it.
        likeliest: of each landmark, also of the landmarks' own, the likeliest proposals, one for
            each of its things.
    """

    reading: Reading
    phrase: TargetPhrase
    image: ImageEvidence = field(repr=False)
    scores: FloatArray | None = field(default=None, repr=False)
    landmarks: tuple[tuple[Relation, FloatArray], ...] = field(default=(), repr=False)
    excluded: tuple[FloatArray, ...] = field(default=(), repr=False)
    likeliest: Mapping[Reading, tuple[int, ...]] = field(default_factory=dict, repr=False)

    @cached_property
    def shown(self) -> FloatArray:
        """The scores by their greatest, float64 (N,); ones where nothing is known."""
        greatest = 0.0 if self.scores is None else float(self.scores.max(initial=0))
        if self.scores is None or greatest <= 0:
            return np.ones(len(self.image.get(Layout.of)))
        return np.asarray(self.scores / greatest)

    @cached_property
    def owner(self) -> IntArray:
        """The proposal that stands for the thing that each draws, int64 (N,)."""
        layout = self.image.get(Layout.of)
        likely = np.log(self.shown + LEAST) + NOTICED * np.log(layout.noticed + LEAST)
        return layout.things(likely)

    @cached_property
    def layout(self) -> Layout:
        """Where the proposals lie, each in the place of the thing that it draws."""
        return self.image.get(Layout.of).drawn_by(self.owner)

    @cached_property
    def kind(self) -> FloatArray:
        """How far a proposal counts among the things of this noun, float64 (N,), 0 to 1.

        0 where another one stands for its thing.
        """
        counts = self.shown * self.image.get(Layout.of).noticed
        counts = np.where(self.owner == np.arange(len(counts)), counts, 0)
        return np.asarray(counts / max(float(counts.max(initial=0)), 1e-9))

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
