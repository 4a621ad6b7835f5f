"""Candidates: the nodes of the hierarchies, their holes, and the complements of backgrounds.

A node of a hierarchy is a good mask of an object of one colour. An object of several colours is
often better found by its surroundings: a hole in a rug is what lies on the rug, and the complement
of a background consists of figures. So each node also gives itself with its holes filled, and each
large, uniform node, alone or with a second one, gives the parts of its complement.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from refmask.proposals.grouping.regions import Regions
from refmask.types import BoolArray, FloatArray

#: A background is at least this share of the image.
GROUND_SHARE = 0.03
#: Number of backgrounds tried, alone and in pairs.
GROUNDS = 12
#: Backgrounds with a larger IoU count as the same.
SAME_GROUND = 0.8
#: Holes are searched in nodes of at least this share of the image.
HOLED_SHARE = 0.002
#: Selections per search for connected parts; bounds memory.
CHUNK = 128


def gather(regions: Regions, nodes: BoolArray) -> BoolArray:
    """All candidates of one image.

    Args:
        regions: R regions.
        nodes: bool (M, R), the nodes of all hierarchies.

    Returns:
        bool (C, R), without repetitions.
    """
    nodes = distinct(nodes)
    shares = nodes @ regions.areas / regions.areas.sum()
    holed = nodes[(shares >= HOLED_SHARE) & (shares < 1)]
    holes, owners = parts(regions, ~holed)
    closed = ~(holes @ regions.sides).any(axis=1)
    holes, owners = holes[closed], owners[closed]
    filled = holed.copy()
    np.logical_or.at(filled, owners, holes)
    figures, _ = parts(regions, ~_grounds(regions, nodes, shares))
    return distinct(np.concatenate([nodes, filled, holes, figures]))


def parts(regions: Regions, selections: BoolArray) -> tuple[BoolArray, npt.NDArray[np.intp]]:
    """Connected parts of selections of regions.

    Args:
        regions: R regions.
        selections: bool (M, R).

    Returns:
        bool (K, R), the parts of all selections, and int (K,), the selection each came from.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    count = len(regions)
    results: list[BoolArray] = [np.zeros((0, count), np.bool_)]
    owners: list[npt.NDArray[np.intp]] = [np.zeros(0, np.intp)]
    a, b = regions.edges.T
    for start in range(0, len(selections), CHUNK):
        chunk = selections[start : start + CHUNK]
        # One vertex per selection and region: all selections' parts come from one search.
        row, edge = np.nonzero(chunk[:, a] & chunk[:, b])
        ends = (row * count + a[edge], row * count + b[edge])
        graph = coo_array((np.ones(len(row), np.bool_), ends), (chunk.size, chunk.size))
        _, label = connected_components(graph, directed=False)
        vertex = np.flatnonzero(chunk)
        part, index = np.unique(label[vertex], return_inverse=True)
        rows = np.zeros((len(part), count), np.bool_)
        rows[index, vertex % count] = True
        owner = np.zeros(len(part), np.intp)
        owner[index] = vertex // count + start
        results.append(rows)
        owners.append(owner)
    return np.concatenate(results), np.concatenate(owners)


def distinct(rows: BoolArray) -> BoolArray:
    """``rows`` (M, R) without repetitions, in their order."""
    packed = np.packbits(rows, axis=1)
    keys = packed.view(np.dtype((np.void, packed.shape[1]))).ravel()
    _, first = np.unique(keys, return_index=True)
    return rows[np.sort(first)]


def _grounds(regions: Regions, nodes: BoolArray, shares: FloatArray) -> BoolArray:
    """Large, uniform, distinct nodes, alone and in pairs: bool (G, R)."""
    fit = (shares >= GROUND_SHARE) & (shares < 0.95)
    nodes, shares = nodes[fit], shares[fit]
    chosen: list[BoolArray] = []
    for index in np.argsort(-_evenness(regions, nodes) * np.sqrt(shares), kind="stable"):
        node = nodes[index]
        overlaps = (
            regions.areas[node & other].sum() / regions.areas[node | other].sum()
            for other in chosen
        )
        if max(overlaps, default=0.0) < SAME_GROUND:
            chosen.append(node)
        if len(chosen) == GROUNDS:
            break
    pairs = [
        node | other
        for i, node in enumerate(chosen)
        for other in chosen[:i]
        if not (node & other).any()
    ]
    return np.array(chosen + pairs, np.bool_).reshape(-1, len(regions))


def _evenness(regions: Regions, nodes: BoolArray) -> FloatArray:
    """How uniform the colour within each node is: float64 (M,), 0 to 1."""
    weight = nodes * regions.areas
    mass = weight.sum(axis=1, keepdims=True)
    mean = weight @ regions.colours / mass
    square = weight @ regions.colours**2 / mass
    spread = np.sqrt(np.maximum(square - mean**2, 0).sum(axis=1))
    return np.asarray(np.exp(-spread / 15))
