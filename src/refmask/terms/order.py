"""``order``: second from the left, third from the back, last."""

from __future__ import annotations

import numpy as np

from refmask.reading import Cue
from refmask.terms.layout import sigmoid
from refmask.terms.node import Node
from refmask.types import FloatArray

#: Nats for each place in the row that a thing is off, up to so many.
STEP, FARTHEST = 2.2, 3
#: Two things this far apart, in sides of the image, are one after the other rather than abreast.
APART = 0.02


def score(node: Node) -> FloatArray | None:
    """Nats by how many things of the noun come before: float64 (N,), or None."""

    def value(cue: Cue) -> FloatArray:
        along = _axis(node, cue)
        rank = max(cue.rank, 0)
        off = np.minimum(FARTHEST, np.abs(before(along, node) - rank))
        return np.asarray(-STEP * off)

    return node.total("order", value)


def before(along: FloatArray, node: Node) -> FloatArray:
    """How many things of the noun come before each along an axis, float64 (N,); none twice."""
    earlier = sigmoid((along[:, None] - along) / APART) @ node.kind
    return np.asarray(earlier - 0.5 * node.kind[node.owner])


def _axis(node: Node, cue: Cue) -> FloatArray:
    """What grows in the direction of counting, float64 (N,).

    Without a direction "first" counts from the viewer and others from the left; the last on a side
    is the first from there.
    """
    layout, near = node.layout, node.layout.nearness
    axes = {
        **{"left": layout.x, "right": -layout.x, "top": layout.y, "bottom": -layout.y},
        **{"near": -near, "far": near, "middle": layout.x},
    }
    told = [cue.value] if cue.value else [name for name in node.directions() if name != "middle"]
    return axes[told[0] if told else {0: "near", -1: "far"}.get(cue.rank, "left")]
