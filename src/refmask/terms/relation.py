"""``relation``: next to the laptop, between two chairs, behind the man on the left."""

from __future__ import annotations

import numpy as np

from refmask.terms.layout import Layout
from refmask.terms.node import Node
from refmask.types import FloatArray

#: Nats by how well the best landmark fits; what fits none at all loses up to 3.
WEIGHT, FLOOR, LEAST = 0.65, 0.03, 0.125
#: A denied relation counts so much against.
DENIED = -0.3


def score(node: Node) -> FloatArray | None:
    """Nats by how things stand to their landmarks: float64 (N,), or None."""
    values = []
    for relation, landmark in node.landmarks:
        if relation.name == "between":
            fit = _between(node.layout, landmark)
        else:
            fit = (node.layout.relation(relation.name) * landmark).max(axis=1, initial=0)
        value = WEIGHT * np.log(FLOOR + fit / max(float(fit.max(initial=0)), LEAST))
        values.append(value * (DENIED if relation.negated else 1))
    return np.asarray(np.sum(values, axis=0)) if values else None


def _between(layout: Layout, landmark: FloatArray) -> FloatArray:
    """How far each thing lies between two landmarks, float64 (N,).

    Landmarks that are hardly any are left out, so that it stays quick for many proposals.
    """
    likely = np.argsort(-landmark, kind="stable")[:12]
    distance, fit = layout.distance, np.zeros(len(layout))
    for at, one in enumerate(likely):
        for other in likely[at + 1 :]:
            apart = max(float(distance[one, other]), 0.05)
            detour = (distance[:, one] + distance[:, other] - distance[one, other]) / apart
            value = landmark[one] * landmark[other] * np.exp(-np.maximum(detour, 0) / 0.3)
            value[[one, other]] = 0
            fit = np.maximum(fit, value)
    return np.asarray(fit)
