"""Repeated normalised cuts of a feature map (Wang et al. 2023, section 3.2; Shi and Malik 2000).

The graph connects all pairs of positions: with weight 1 where their keys are similar, else with
``WEAK``. So its matrix is ``WEAK`` everywhere plus ``(1 - WEAK)`` times a 0/1 matrix.

Shapes: D x h x w the feature map, P = h * w positions.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from refmask.types import BoolArray, FloatArray

Doubles = npt.NDArray[np.float64]

#: Weight between positions that are not similar.
WEAK = 1e-5
#: A part with at least this many of the four corners is background.
CORNERS = 3
#: From the second cut on, a part of at most this share of the positions is ignored.
LEAST_SHARE = 0.01
#: From the second cut on, a part with a larger IoU with the part before is a repetition.
SAME = 0.5


def cut_out(keys: FloatArray, count: int, tau: float) -> BoolArray:
    """The foreground parts, one per cut.

    Args:
        keys: float32 (D, h, w), at least two positions.
        count: number of cuts.
        tau: positions are similar above this cosine, 0 to 1.

    Returns:
        bool (N, h, w), none of them empty, no two of them overlapping; N at most ``count``.
    """
    size = keys.shape[1:]
    graph = _similar(keys.reshape(len(keys), -1).T, tau)
    covered, previous = np.zeros(size, np.bool_), np.zeros(size, np.bool_)
    parts = []
    for number in range(count):
        # Without any difference, or with all positions covered, there is nothing to cut.
        if graph.all() or not graph.any():
            break
        part = stand_out(second_eigenvector(graph).reshape(size))
        if number and part.mean() <= LEAST_SHARE:
            break  # further cuts would give the same part
        if number and _iou(part, previous) > SAME:
            part = np.zeros(size, np.bool_)
        if (part & ~covered).any():
            parts.append(part & ~covered)
        previous, covered = part, covered | part
        # A zero vector is similar to nothing, not even to itself.
        graph[covered.ravel()] = 0
        graph[:, covered.ravel()] = 0
    return np.array(parts, np.bool_).reshape(-1, *size)


def second_eigenvector(graph: Doubles) -> Doubles:
    """The solution of ``(D - W) v = lambda D v`` with the second smallest lambda.

    ``v = D^-1/2 u`` where u is the eigenvector of ``D^-1/2 W D^-1/2`` with the second largest
    eigenvalue. The largest is 1 with the known eigenvector ``D^1/2 1``, so it is deflated and
    Lanczos computes a single vector.

    Args:
        graph: float64 (P, P), symmetric, 1 where positions are similar and 0 elsewhere; W is
            ``WEAK + (1 - WEAK) * graph``.

    Returns:
        float64 (P,), signed so that the entry of the largest magnitude is positive.
    """
    from scipy.sparse.linalg import LinearOperator, eigsh

    places = len(graph)
    degrees = WEAK * places + (1 - WEAK) * graph.sum(axis=1)
    shrink = 1 / np.sqrt(degrees)
    first = np.sqrt(degrees / degrees.sum())

    def apply(vector: Doubles) -> Doubles:
        scaled = shrink * vector.ravel()
        weighted = WEAK * scaled.sum() + (1 - WEAK) * (graph @ scaled)
        # -2: from 1, the largest eigenvalue, down to -1, the smallest there can be.
        moved: Doubles = shrink * weighted - 2 * first * (first @ vector.ravel())
        return moved

    start = np.random.default_rng(0).standard_normal(places)  # fixed, so that results repeat
    operator = LinearOperator((places, places), matvec=apply, dtype=np.float64)
    _, vectors = eigsh(operator, k=1, which="LA", v0=start)
    solution: Doubles = shrink * vectors[:, 0]
    return solution if solution[np.abs(solution).argmax()] > 0 else -solution


def stand_out(vector: Doubles) -> BoolArray:
    """The foreground part of a cut.

    The side above the mean contains the largest magnitude. If it contains three of the map's
    corners it is the background, and the other side is the foreground. Only the foreground's
    4-connected part with the most extreme entry is kept.

    The sign of an eigenvector is arbitrary. ``second_eigenvector`` fixes it, so that the corners
    decide, and the paper's second rule, to invert a side without the largest magnitude, never
    applies.

    Args:
        vector: float64 (h, w), the entry of the largest magnitude positive.

    Returns:
        bool (h, w), not empty.
    """
    from scipy.ndimage import label

    side = vector > vector.mean()
    if side[[0, 0, -1, -1], [0, -1, 0, -1]].sum() >= CORNERS:
        side, vector = ~side, -vector
    parts, _ = label(side)
    part: BoolArray = parts == parts.flat[vector.argmax()]
    return part


def _similar(keys: FloatArray, tau: float) -> Doubles:
    """Which keys (P, D) have a cosine above tau: float64 (P, P), 0 or 1."""
    lengths = np.linalg.norm(keys, axis=1, keepdims=True)
    units = keys / np.maximum(lengths, np.finfo(np.float32).tiny)
    return np.asarray(units @ units.T > tau, np.float64)


def _iou(part: BoolArray, other: BoolArray) -> float:
    return float((part & other).sum() / max((part | other).sum(), 1))
