"""``place``: left, right, top, bottom and middle of the image."""

from __future__ import annotations

import numpy as np

from refmask.reading import Cue
from refmask.terms.node import Node
from refmask.types import FloatArray

#: Nats from one side of the image to the other,
SIDE = 9.0
#: and of a side's length away from the middle.
MIDDLE = 30.0
#: The middle of the image counts this much, that of all things of the noun the rest.
OF_IMAGE = 0.68


def score(node: Node) -> FloatArray | None:
    """Nats by where things lie: float64 (N,), or None."""

    def value(cue: Cue) -> FloatArray:
        x, y = node.layout.x, node.layout.y
        if cue.value == "middle":
            return -MIDDLE * _from_the_middle(node)
        axis = {"left": -x, "right": x, "top": -y, "bottom": y}
        return SIDE * axis[cue.value]

    return node.total("place", value)


def _from_the_middle(node: Node) -> FloatArray:
    """How far things lie from the middle, in sides of the image: float64 (N,).

    "Middle left" is in the middle from top to bottom, "top middle" from left to right; else the
    middle of the things of the noun counts, too, and heights count less.
    """
    x, y, others = node.layout.x, node.layout.y, set(node.directions())
    if others & {"left", "right"}:
        return np.asarray(0.5 * np.abs(y - 0.5))
    if others & {"top", "bottom"}:
        return np.asarray(np.abs(x - 0.5))
    among = x[node.kind > 0.5] if (node.kind > 0.5).any() else x
    middle = (among.min() + among.max()) / 2
    centre = OF_IMAGE * 0.5 + (1 - OF_IMAGE) * middle
    return np.asarray(np.hypot(x - centre, 0.32 * (y - 0.5)))
