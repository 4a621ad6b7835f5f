"""``edge``: at the edge, in the corner, cut off; and alone."""

from __future__ import annotations

import numpy as np

from refmask.reading import Cue
from refmask.terms.node import Node
from refmask.types import FloatArray

#: Nats by how near to the left or right edge, within a tenth of the image,
EDGE, WITHIN = 13.5, 0.1
#: by smallness, of what is cut off,
CUT = 0.3
#: and by the distance to the next thing of the noun, up to a side of the image.
ALONE = 6.0


def score(node: Node) -> FloatArray | None:
    """Nats by the image's edge and by loneliness: float64 (N,), or None."""
    values = [node.total("edge", lambda cue: _at_the_edge(node, cue))]
    values.append(node.total("alone", lambda _: ALONE * _distance_to_the_next(node)))
    found = [value for value in values if value is not None]
    return np.asarray(np.sum(found, axis=0)) if found else None


def _at_the_edge(node: Node, cue: Cue) -> FloatArray:
    left, right = node.layout.boxes[:, 0], 1 - node.layout.boxes[:, 2]
    near = -EDGE * np.minimum(WITHIN, np.minimum(left, right))
    return np.asarray(near - CUT * node.layout.log_area if cue.value == "cut" else near)


def _distance_to_the_next(node: Node) -> FloatArray:
    """To the nearest thing of the noun, float64 (N,), 0 to 1; others seem farther."""
    apart = node.layout.distance + 3 * (1 - node.kind)
    same = node.owner[:, None] == node.owner
    return np.asarray(np.minimum(1, np.where(same, np.inf, apart).min(axis=1)))
