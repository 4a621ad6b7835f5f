"""Where proposals lie, and how each lies to each other: what all terms of place are made of.

The image is the unit square, y downwards. Boxes stand for masks: on RefCOCO's true boxes the
formulas below were tuned, and a mask's box is the same whoever drew it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from refmask.answer import SAME_THING
from refmask.ops.masks import areas_of, pairwise_iou
from refmask.types import BoolArray, FloatArray, IntArray, MaskProposals, UInt8Array

#: A proposal is part of another when so much of the smaller mask lies inside the larger one.
PART = 0.85
#: Masks are compared at about this many pixels a side.
SIDE = 128
#: A thing that covers so small a share of the image counts half among its kind.
NOTICED = 0.044


def sigmoid(values: FloatArray) -> FloatArray:
    """The logistic function, without overflow."""
    return np.asarray(0.5 * (1 + np.tanh(0.5 * values)))


@dataclass(frozen=True, eq=False)
class Layout:
    """Boxes of N proposals in the unit square.

    Attributes:
        boxes: float64 (N, 4), x1, y1, x2, y2, 0 to 1.
        same: bool (N, N), whether two masks draw one thing: they overlap by ``SAME_THING``, or one
            is part of the other. None where boxes are all that is known.
        iou: float32 (N, N), of every mask with every other, about; None likewise.
    """

    boxes: FloatArray
    same: BoolArray | None = None
    iou: FloatArray | None = None

    @classmethod
    def of(cls, image: UInt8Array, proposals: MaskProposals) -> Layout:  # noqa: ARG003
        """The layout of an image's proposals, N masks of its size."""
        height, width = proposals.size
        boxes = proposals.boxes.astype(np.float64) / [width, height, width, height]
        step = max(1, max(height, width) // SIDE)
        small = np.ascontiguousarray(proposals.masks[:, ::step, ::step])
        iou, areas = pairwise_iou(small), areas_of(small)
        np.fill_diagonal(iou, 1.0)
        shared = iou * (areas[:, None] + areas) / (1 + iou)
        smaller = np.maximum(np.minimum(areas[:, None], areas), 1)
        return cls(boxes, (iou >= SAME_THING) | (shared / smaller >= PART), iou)

    def __len__(self) -> int:
        return len(self.boxes)

    def __repr__(self) -> str:
        """One line, without arrays."""
        return f"<Layout of {len(self)} boxes>"

    @cached_property
    def x(self) -> FloatArray:
        """Centres, left to right: float64 (N,)."""
        return np.asarray((self.boxes[:, 0] + self.boxes[:, 2]) / 2)

    @cached_property
    def y(self) -> FloatArray:
        """Centres, top to bottom: float64 (N,)."""
        return np.asarray((self.boxes[:, 1] + self.boxes[:, 3]) / 2)

    @cached_property
    def height(self) -> FloatArray:
        """Of the boxes: float64 (N,)."""
        return np.asarray(self.boxes[:, 3] - self.boxes[:, 1])

    @cached_property
    def log_area(self) -> FloatArray:
        """Logarithm of the boxes' shares of the image: float64 (N,)."""
        width = self.boxes[:, 2] - self.boxes[:, 0]
        return np.asarray(np.log(np.maximum(width * self.height, 1e-6)))

    @cached_property
    def noticed(self) -> FloatArray:
        """How far a box counts at all by its size, 0 to 1: float64 (N,)."""
        return np.asarray(1 / (1 + (NOTICED / np.exp(self.log_area)) ** 4))

    @cached_property
    def nearness(self) -> FloatArray:
        """How near to the viewer, by the lower edge and the size: float64 (N,)."""
        return np.asarray(self.boxes[:, 3] + 0.06 * self.log_area)

    def things(self, standing: FloatArray) -> IntArray:
        """The proposal that stands for the same thing as each, int64 (N,), itself if none does.

        Taken from the best to the worst, a proposal belongs to the first better one that is the
        same thing, a part of it, or that it is a part of.

        Args:
            standing: float (N,), which of two is likelier to be drawn rightly.
        """
        owner = np.arange(len(self))
        if self.same is None:
            return owner
        free = np.ones(len(self), np.bool_)
        for best in np.argsort(-standing, kind="stable"):
            if free[best]:
                members = free & self.same[best]
                owner[members] = best
                free &= ~members
                free[best] = False
        return owner

    # How thing j (columns) lies to proposal i (rows), 0 to 1.

    def relation(self, name: str) -> FloatArray:
        """How far i stands so to j, 0 to 1, not to itself: float64 (N, N)."""
        values = FORMULAS[name](self._pairs)
        return np.where(self._equal, 0, values)

    def drawn_by(self, owner: IntArray) -> Layout:
        """The layout in which each proposal lies where the one that stands for its thing does."""
        if (owner == np.arange(len(self))).all():
            return self
        return Layout(self.boxes[owner])

    @cached_property
    def distance(self) -> FloatArray:
        """Of the centres: float64 (N, N)."""
        return self._pairs.distance

    @cached_property
    def _equal(self) -> BoolArray:
        """Whether two boxes are one: bool (N, N)."""
        return np.asarray((self.boxes[:, None] == self.boxes).all(axis=2))

    @cached_property
    def _pairs(self) -> _Pairs:
        x1, y1, x2, y2 = self.boxes.T
        low = np.maximum(x1[:, None], x1), np.maximum(y1[:, None], y1)
        high = np.minimum(x2[:, None], x2), np.minimum(y2[:, None], y2)
        across, down = (end - start for start, end in zip(low, high, strict=True))
        area = np.exp(self.log_area)
        common = np.maximum(across, 0) * np.maximum(down, 0)
        dx, dy = self.x - self.x[:, None], self.y - self.y[:, None]
        distance = np.hypot(dx, dy)
        gap = np.hypot(np.minimum(across, 0), np.minimum(down, 0))
        return _Pairs(
            dx=dx,
            dy=dy,
            lower=y2 - y2[:, None],
            distance=distance,
            gap=gap,
            touch=common / np.minimum(area[:, None], area),
            inside=common / area[:, None],
            near=np.exp(-gap / 0.15 - distance / 0.5),
        )


@dataclass(frozen=True, eq=False)
class _Pairs:
    """Thing j (columns) as seen from i (rows), float64 (N, N) each, in sides of the image.

    Attributes:
        dx: how far right its centre is.
        dy: how far down.
        lower: how much further down its lower edge is.
        distance: of the centres.
        gap: between the boxes, 0 where they meet.
        touch: what the boxes share, by the area of the smaller one.
        inside: the same by the area of i.
        near: 1 where they coincide, less with gap and distance.
    """

    dx: FloatArray
    dy: FloatArray
    lower: FloatArray
    distance: FloatArray
    gap: FloatArray
    touch: FloatArray
    inside: FloatArray
    near: FloatArray


def _beyond(distance: FloatArray) -> FloatArray:
    """Hardly abreast: 1 where the other centre lies clearly further in a direction."""
    return sigmoid((distance - 0.05) / 0.03)


def _stacked(pairs: _Pairs) -> FloatArray:
    """Near, and in one column."""
    return np.asarray(np.exp(-pairs.gap / 0.15 - np.abs(pairs.dx) / 0.3))


#: "i is left of j" and the like. "between" takes two landmarks, see ``terms.relation``.
FORMULAS: dict[str, Callable[[_Pairs], FloatArray]] = {
    "near": lambda pairs: pairs.near,
    "left": lambda pairs: _beyond(pairs.dx) * np.sqrt(pairs.near),
    "right": lambda pairs: _beyond(-pairs.dx) * np.sqrt(pairs.near),
    "above": lambda pairs: _beyond(pairs.dy) * np.sqrt(_stacked(pairs)),
    "below": lambda pairs: _beyond(-pairs.dy) * np.sqrt(_stacked(pairs)),
    "behind": lambda pairs: sigmoid(pairs.lower / 0.05) * pairs.near,
    "front": lambda pairs: sigmoid(-pairs.lower / 0.05) * pairs.near,
    "on": lambda pairs: (
        pairs.touch * sigmoid((pairs.dy + 0.1) / 0.1) * np.exp(-pairs.distance / 0.4)
    ),
    "in": lambda pairs: pairs.inside * np.exp(-pairs.distance / 0.3),
    "has": lambda pairs: np.exp(-pairs.gap / 0.05) * (0.2 + 0.8 * pairs.touch),
    "far": lambda pairs: pairs.distance / max(float(pairs.distance.max(initial=0)), 1e-6),
}
