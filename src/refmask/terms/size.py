"""``size``: the bigger one, a small one, the tallest."""

from __future__ import annotations

import numpy as np

from refmask.reading import Cue
from refmask.terms.node import Node
from refmask.types import FloatArray

#: Nats by the logarithm of the area, for large and for small things, and by the height.
BIG, SMALL, TALL = 1.5, -1.0, 6.0


def score(node: Node) -> FloatArray | None:
    """Nats by how large things are: float64 (N,), or None.

    Tall things are high and reach far up; short ones do not.
    """

    def value(cue: Cue) -> FloatArray:
        if cue.value in ("big", "small"):
            return np.asarray((BIG if cue.value == "big" else SMALL) * node.layout.log_area)
        tall = 0.5 * node.layout.height - node.layout.boxes[:, 1]
        return np.asarray(TALL * (tall if cue.value == "tall" else -tall))

    return node.total("size", value)
