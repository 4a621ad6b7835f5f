"""``exclusion``: the mug, not the red one; all the cups except the large one; not the flower."""

from __future__ import annotations

import numpy as np

from refmask.terms.node import Node
from refmask.types import FloatArray

#: What surely is excluded loses nearly 4 nats.
ROOM = 0.02


def score(node: Node) -> FloatArray | None:
    """log(1 - how likely a thing is excluded), at least log ``ROOM``: float64 (N,), or None."""
    if not node.excluded:
        return None
    return np.asarray(np.sum([np.log(1 + ROOM - excluded) for excluded in node.excluded], axis=0))
