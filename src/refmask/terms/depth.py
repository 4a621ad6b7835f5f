"""``depth``: in front, closest, in the background."""

from __future__ import annotations

import numpy as np

from refmask.reading import Cue
from refmask.terms.node import Node
from refmask.types import FloatArray

#: Nats by nearness to the viewer.
WEIGHT = 4.0


def score(node: Node) -> FloatArray | None:
    """Nats by how near things are, judged by their lower edge and size: float64 (N,), or None."""

    def value(cue: Cue) -> FloatArray:
        near = WEIGHT * node.layout.nearness
        return np.asarray(near if cue.value == "near" else -near)

    return node.total("depth", value)
