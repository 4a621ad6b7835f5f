"""``size``: the bigger one, a small one, the tallest."""

from __future__ import annotations

import numpy as np

from refmask.reading import Cue
from refmask.terms.node import Node
from refmask.types import FloatArray

#: Nats by size.
WEIGHT = 6.0


def score(node: Node) -> FloatArray | None:
    """Nats by how large things are: float64 (N,), or None.

    Tall things are high and reach far up; what is small in an image is mostly low and lies low.
    """

    def value(cue: Cue) -> FloatArray:
        if cue.value == "big":
            return np.asarray(WEIGHT * 0.25 * node.layout.log_area)
        tall = 0.5 * node.layout.height - node.layout.boxes[:, 1]
        return np.asarray(WEIGHT * (tall if cue.value == "tall" else -tall))

    return node.total("size", value)
