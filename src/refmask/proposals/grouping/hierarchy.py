"""Hierarchies: regions merged pairwise, most similar first, until one is left.

The loop and the four similarities are those of selective search (Uijlings et al. 2013, sections
3.1 and 3.2); contour strength along the shared border is a fifth. Several mixes of them give
several hierarchies, because no single one suits all objects.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass

import numpy as np

from refmask.ops.maps import Integers
from refmask.proposals.grouping.regions import Regions
from refmask.types import BoolArray, FloatArray, UInt8Array

#: Mean colours this many Lab units apart have similarity 0.
FAR = 50.0


@dataclass(frozen=True)
class Mix:
    """Weights of the similarities, each of which lies in 0 to 1.

    Attributes:
        colour: overlap of colour histograms.
        texture: overlap of orientation histograms.
        mean: closeness of mean colours.
        size: small regions first.
        fill: pairs that fill their common box first.
        contour: pairs without a contour between them first.
    """

    colour: float = 0.0
    texture: float = 0.0
    mean: float = 0.0
    size: float = 0.0
    fill: float = 0.0
    contour: float = 0.0


def merge(regions: Regions, mix: Mix, down_to: int = 1) -> BoolArray:
    """The nodes of one hierarchy above its leaves.

    Args:
        regions: R regions.
        mix: weights of the similarities.
        down_to: stop when this many nodes are not yet part of another.

    Returns:
        bool (R - down_to, R): the regions of each node, in the order of merging.
    """
    return _Merger(regions, mix).run(down_to)


def coarsen(regions: Regions, mix: Mix, limit: int) -> Integers:
    """Merge the most similar regions down to ``limit``: their labels, int32 (h, w)."""
    owner = np.arange(len(regions))
    for node in merge(regions, mix, down_to=limit):
        owner[node] = np.flatnonzero(node)[0]
    _, compact = np.unique(owner, return_inverse=True)
    return np.asarray(compact[regions.labels], np.int32)


class _Merger:
    """The state of one run: features of all nodes so far, and their neighbours."""

    def __init__(self, regions: Regions, mix: Mix) -> None:
        count, self.leaves = 2 * len(regions) - 1, len(regions)
        self.mix, self.total = mix, float(regions.areas.sum())
        self.areas = regions.areas.tolist()
        self.boxes = [tuple(map(int, box)) for box in regions.boxes]
        self.means = regions.colours.tolist()
        self.colours = _padded(regions.colour_histograms, count)
        self.textures = _padded(regions.texture_histograms, count)
        self.members = np.eye(count, len(regions), dtype=np.bool_)
        self.neighbours: list[dict[int, tuple[float, float]]] = [{} for _ in range(count)]
        for (a, b), length, contour in zip(
            regions.edges.tolist(), regions.lengths.tolist(), regions.contours.tolist(), strict=True
        ):
            self.neighbours[a][b] = self.neighbours[b][a] = (length, contour * length)

    def run(self, down_to: int) -> BoolArray:
        heap = [
            (-self.similarity(a, b), a, b)
            for a, around in enumerate(self.neighbours)
            for b in around
            if a < b
        ]
        heapq.heapify(heap)
        alive = [True] * self.leaves
        while heap and 2 * self.leaves - len(alive) > down_to:
            _, a, b = heapq.heappop(heap)
            if not (alive[a] and alive[b]):
                continue
            alive[a] = alive[b] = False
            new = len(alive)
            alive.append(True)
            self.join(a, b, new)
            for other in self.neighbours[new]:
                heapq.heappush(heap, (-self.similarity(other, new), other, new))
        return self.members[self.leaves : len(alive)]

    def join(self, a: int, b: int, new: int) -> None:
        """Make node ``new`` of nodes ``a`` and ``b``; its features are area-weighted means."""
        area = self.areas[a] + self.areas[b]
        part, rest = self.areas[a] / area, self.areas[b] / area
        self.areas.append(area)
        (ax1, ay1, ax2, ay2), (bx1, by1, bx2, by2) = self.boxes[a], self.boxes[b]
        self.boxes.append((min(ax1, bx1), min(ay1, by1), max(ax2, bx2), max(ay2, by2)))
        pair = zip(self.means[a], self.means[b], strict=True)
        self.means.append([part * x + rest * y for x, y in pair])
        self.colours[new] = part * self.colours[a] + rest * self.colours[b]
        self.textures[new] = part * self.textures[a] + rest * self.textures[b]
        self.members[new] = self.members[a] | self.members[b]
        around = self.neighbours[new]
        for old in (a, b):
            for other, (length, strength) in self.neighbours[old].items():
                if other not in (a, b):
                    del self.neighbours[other][old]
                    before = around.get(other, (0.0, 0.0))
                    around[other] = (before[0] + length, before[1] + strength)
        for other, border in around.items():
            self.neighbours[other][new] = border

    def similarity(self, a: int, b: int) -> float:
        mix, area = self.mix, self.areas[a] + self.areas[b]
        value: float = mix.size * (1 - area / self.total)
        if mix.colour:
            value += mix.colour * float(np.minimum(self.colours[a], self.colours[b]).sum())
        if mix.texture:
            value += mix.texture * float(np.minimum(self.textures[a], self.textures[b]).sum())
        if mix.mean:
            distance = math.dist(self.means[a], self.means[b])
            value += mix.mean * (1 - min(1.0, distance / FAR))
        if mix.fill:
            (ax1, ay1, ax2, ay2), (bx1, by1, bx2, by2) = self.boxes[a], self.boxes[b]
            box = (max(ax2, bx2) - min(ax1, bx1)) * (max(ay2, by2) - min(ay1, by1))
            value += mix.fill * (1 - (box - area) / self.total)
        if mix.contour:
            length, strength = self.neighbours[a][b]
            value += mix.contour * (1 - strength / length)
        return value


def _padded(rows: FloatArray, count: int) -> FloatArray:
    """``rows``, padded with zeros to ``count`` rows."""
    return np.pad(np.asarray(rows, np.float64), ((0, count - len(rows)), (0, 0)))


def shrink(image: UInt8Array, side: int) -> UInt8Array:
    """The working copy: the longer side at most ``side`` pixels, never enlarged."""
    from PIL import Image

    height, width = image.shape[:2]
    factor = side / max(height, width)
    if factor >= 1:
        return image
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BOX))


def paint(members: BoolArray, labels: Integers, boxes: Integers) -> BoolArray:
    """Masks of sets of regions.

    Args:
        members: bool (N, R), the regions of each mask.
        labels: int32 (H, W), values 0..R-1.
        boxes: int (R, 4), XYXY, half-open, around each region.

    Returns:
        bool (N, H, W).
    """
    masks = np.zeros((len(members), *labels.shape), np.bool_)
    for mask, member in zip(masks, members, strict=True):
        x1, y1 = boxes[member, :2].min(axis=0)
        x2, y2 = boxes[member, 2:].max(axis=0)
        mask[y1:y2, x1:x2] = member[labels[y1:y2, x1:x2]]
    return masks
