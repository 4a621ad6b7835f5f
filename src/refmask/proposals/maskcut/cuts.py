"""Repeated normalised cuts of a map (Wang et al. 2023, section 3.2, with Shi and Malik 2000).

The graph joins every two places: with weight 1 where their keys are alike, else with ``WEAK``. So
its matrix is ``WEAK`` everywhere plus ``(1 - WEAK)`` times a 0/1 matrix.

Letters: D x h x w the map, P = h * w places.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from refmask.types import BoolArray, FloatArray

Doubles = npt.NDArray[np.float64]

#: Weight between places that are not alike.
WEAK = 1e-5
#: With at least that many of the four corners, a part is taken for the ground.
CORNERS = 3
#: From the second cut on, a part of at most this share of the places is none.
LEAST_SHARE = 0.01
#: From the second cut on, a part with a larger IoU with the one before repeats it.
SAME = 0.5


def cut_out(keys: FloatArray, count: int, tau: float) -> BoolArray:
    """The parts that stand out, one after the other.

    Args:
        keys: float32 (D, h, w), at least two places.
        count: how many cuts.
        tau: places are alike above this cosine, 0 to 1.

    Returns:
        bool (N, h, w), none of them empty, no two of them overlapping; N at most ``count``.
    """
    size = keys.shape[1:]
    graph = _alike(keys.reshape(len(keys), -1).T, tau)
    covered, previous = np.zeros(size, np.bool_), np.zeros(size, np.bool_)
    parts = []
    for number in range(count):
        # Without any difference, or with all places covered, there is nothing to cut.
        if graph.all() or not graph.any():
            break
        part = stand_out(second_eigenvector(graph).reshape(size))
        if number and part.mean() <= LEAST_SHARE:
            break  # nothing would change: the same part would come again
        if number and _iou(part, previous) > SAME:
            part = np.zeros(size, np.bool_)
        if (part & ~covered).any():
            parts.append(part & ~covered)
        previous, covered = part, covered | part
        # A zero vector is like nothing, not even like itself.
        graph[covered.ravel()] = 0
        graph[:, covered.ravel()] = 0
    return np.array(parts, np.bool_).reshape(-1, *size)


def second_eigenvector(graph: Doubles) -> Doubles:
    """The solution of ``(D - W) v = lambda D v`` with the second smallest lambda.

    ``v = D^-1/2 u`` where u is the eigenvector of ``D^-1/2 W D^-1/2`` with the second largest
    eigenvalue. The largest is 1 and its vector known, ``D^1/2 1``, so it is moved out of the way
    and Lanczos looks for one vector only.

    Args:
        graph: float64 (P, P), symmetric, 1 where places are alike and 0 elsewhere; W is
            ``WEAK + (1 - WEAK) * graph``.

    Returns:
        float64 (P,), of the sign that makes the entry of the largest magnitude positive.
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
    found: Doubles = shrink * vectors[:, 0]
    return found if found[np.abs(found).argmax()] > 0 else -found


def stand_out(vector: Doubles) -> BoolArray:
    """The part that a cut takes out of the ground.

    Above the mean lies one side of the cut, with the largest magnitude in it. If it holds three of
    the map's corners it is the ground, and the other side is taken. Of that side only the
    4-connected part with the most extreme entry is kept.

    The sign of an eigenvector is arbitrary; fixing it as ``second_eigenvector`` does leaves the
    corners to decide, and the paper's second rule, to invert a side without the largest magnitude,
    nothing to do.

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


def _alike(keys: FloatArray, tau: float) -> Doubles:
    """Which keys (P, D) have a cosine above tau: float64 (P, P), 0 or 1."""
    lengths = np.linalg.norm(keys, axis=1, keepdims=True)
    units = keys / np.maximum(lengths, np.finfo(np.float32).tiny)
    return np.asarray(units @ units.T > tau, np.float64)


def _iou(one: BoolArray, other: BoolArray) -> float:
    return float((one & other).sum() / max((one | other).sum(), 1))
