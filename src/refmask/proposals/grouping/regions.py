"""Over-segmentation: the image as a few hundred small regions and the graph between them.

Regions are those of Felzenszwalb and Huttenlocher, "Efficient Graph-Based Image Segmentation"
(IJCV 2004). Their measurements (colour and texture histograms, sizes, boxes) follow Uijlings et
al., "Selective Search for Object Recognition" (IJCV 2013), section 3.2, with contour strength along
shared borders added.

Shapes: h x w the working image, R regions, E pairs of touching regions.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from refmask.ops.maps import Integers
from refmask.types import FloatArray, UInt8Array

COLOUR_BINS = 16
ORIENTATIONS = 8
#: A step of this many Lab units per pixel counts as a full contour.
FULL_CONTOUR = 10.0


@dataclass(frozen=True, eq=False)
class Regions:
    """The regions of one working image.

    Attributes:
        labels: int32 (h, w), values 0..R-1, each region 4- or 8-connected.
        areas: float64 (R,), pixels.
        colours: float64 (R, 3), mean Lab.
        colour_histograms: float64 (R, 3 * COLOUR_BINS), each row sums to 1.
        texture_histograms: float64 (R, ORIENTATIONS + 1), each row sums to 1.
        boxes: int64 (R, 4), XYXY, half-open, in working pixels.
        sides: float64 (R, 4), pixels on the image's left, top, right and bottom side.
        edges: int64 (E, 2), pairs of touching regions, first < second.
        lengths: float64 (E,), length of the shared border, in pixels.
        contours: float64 (E,), mean contour strength along it, 0 to 1.
    """

    labels: Integers
    areas: FloatArray
    colours: FloatArray
    colour_histograms: FloatArray
    texture_histograms: FloatArray
    boxes: Integers
    sides: FloatArray
    edges: Integers
    lengths: FloatArray
    contours: FloatArray

    def __len__(self) -> int:
        return len(self.areas)

    def described(self, histograms: FloatArray) -> Regions:
        """The regions with other texture histograms (R, K), rows 1 in sum."""
        return replace(self, texture_histograms=np.asarray(histograms, np.float64))


def to_lab(image: UInt8Array) -> FloatArray:
    """A uint8 RGB image (h, w, 3) in CIE Lab, float64 (h, w, 3)."""
    from skimage.color import rgb2lab

    return np.asarray(rgb2lab(image))


def cut(lab: FloatArray, scale: float, sigma: float, min_size: int) -> Integers:
    """Segment an image into small regions of one colour each.

    Args:
        lab: float64 (h, w, 3), from :func:`to_lab`.
        scale: Felzenszwalb's k: larger means larger regions.
        sigma: standard deviation of the smoothing before it, in pixels.
        min_size: smaller regions are merged with a neighbour, in pixels.

    Returns:
        int32 (h, w), values 0..R-1, all of them used.
    """
    from scipy.ndimage import gaussian_filter
    from skimage.segmentation import felzenszwalb

    smooth = gaussian_filter(lab, (sigma, sigma, 0))
    labels = felzenszwalb(smooth / 100, scale=scale, sigma=0, min_size=min_size)
    return np.asarray(labels, np.int32)


def gradient(lab: FloatArray) -> tuple[FloatArray, Integers]:
    """Contours between colours.

    Args:
        lab: float64 (h, w, 3), from :func:`to_lab`.

    Returns:
        Contour strength float64 (h, w), 0 to 1, and its orientation class int64 (h, w), of which
        the last, ``ORIENTATIONS``, is flat.
    """
    from scipy.ndimage import gaussian_filter

    lab, steps = gaussian_filter(lab, (1.0, 1.0, 0)), []
    for axis in (0, 1):
        padded = np.concatenate([lab.take([0], axis), lab, lab.take([-1], axis)], axis)
        ahead = padded.take(range(2, padded.shape[axis]), axis)
        steps.append((ahead - padded.take(range(lab.shape[axis]), axis)) / 2)
    dy, dx = steps
    magnitude = np.sqrt((dy**2 + dx**2).sum(-1))
    # The lightness channel alone gives the direction: signs of colour channels would cancel.
    angle = np.arctan2(dy[..., 0], dx[..., 0]) % np.pi
    classes = np.minimum(angle / np.pi * ORIENTATIONS, ORIENTATIONS - 1).astype(np.int64)
    classes[magnitude < 1.0] = ORIENTATIONS
    return np.minimum(magnitude / FULL_CONTOUR, 1.0), classes


def measure(lab: FloatArray, labels: Integers, boundaries: FloatArray | None = None) -> Regions:
    """Measure the regions of an image.

    Args:
        lab: float64 (h, w, 3), from :func:`to_lab`.
        labels: int32 (h, w), values 0..R-1, all of them used.
        boundaries: float (h, w), 0 to 1, contour strength; by default the colours' gradient.

    Returns:
        The regions with their graph; no edges when there is one region.
    """
    count = int(labels.max()) + 1
    flat = labels.ravel()
    areas = np.bincount(flat, minlength=count).astype(np.float64)
    colours = np.stack(
        [np.bincount(flat, lab[..., c].ravel(), count) / areas for c in range(3)], axis=1
    )
    strength, orientation = gradient(lab)
    if boundaries is not None:
        strength = boundaries
    edges, lengths, contours = _borders(labels, strength, count)
    lines = (labels[:, 0], labels[0], labels[:, -1], labels[-1])
    return Regions(
        labels=labels,
        areas=areas,
        colours=colours,
        colour_histograms=_histograms(flat, _colour_bins(lab), count, COLOUR_BINS),
        texture_histograms=_histograms(flat, orientation[None], count, ORIENTATIONS + 1),
        boxes=bounding_boxes(labels, count),
        sides=np.stack([np.bincount(line, minlength=count) for line in lines], 1).astype(float),
        edges=edges,
        lengths=lengths,
        contours=contours,
    )


def bounding_boxes(labels: Integers, count: int) -> Integers:
    """Boxes int64 (R, 4), XYXY, half-open, around the regions 0..R-1 of a label map (H, W).

    An empty region has the box (0, 0, 0, 0).
    """
    from scipy.ndimage import find_objects

    found: list[Any] = find_objects(labels + 1, max_label=count)
    return np.array(
        [(s[1].start, s[0].start, s[1].stop, s[0].stop) if s else (0, 0, 0, 0) for s in found]
    ).reshape(-1, 4)


def _borders(
    labels: Integers, strength: FloatArray, count: int
) -> tuple[Integers, FloatArray, FloatArray]:
    """Touching pairs (E, 2), shared lengths (E,) and mean contour strengths (E,)."""
    keys, strengths = [], []
    for one, other in (
        ((slice(None), slice(1, None)), (slice(None), slice(None, -1))),
        ((slice(1, None), slice(None)), (slice(None, -1), slice(None))),
    ):
        a, b = labels[one], labels[other]
        differ = a != b
        low, high = np.minimum(a, b)[differ].astype(np.int64), np.maximum(a, b)[differ]
        keys.append(low * count + high)
        strengths.append(np.maximum(strength[one], strength[other])[differ])
    pairs, index = np.unique(np.concatenate(keys), return_inverse=True)
    lengths = np.bincount(index, minlength=len(pairs)).astype(np.float64)
    sums = np.bincount(index, np.concatenate(strengths), len(pairs))
    return np.stack(np.divmod(pairs, count), axis=1), lengths, sums / np.maximum(lengths, 1)


def _colour_bins(lab: FloatArray) -> Integers:
    """Histogram bin of each Lab channel, int64 (3, h, w)."""
    low = np.array([0.0, -80.0, -80.0])
    span = np.array([100.0, 160.0, 160.0])
    bins = ((lab - low) / span * COLOUR_BINS).clip(0, COLOUR_BINS - 1).astype(np.int64)
    return np.moveaxis(bins, -1, 0)


def _histograms(flat: Integers, bins: Integers, count: int, size: int) -> FloatArray:
    """Per region the joined histograms of several bin maps (K, h, w): (R, K * size), sum 1."""
    parts = [
        np.bincount(flat * np.int64(size) + plane.ravel(), minlength=count * size).reshape(
            count, size
        )
        for plane in bins
    ]
    joined = np.concatenate(parts, axis=1).astype(np.float64)
    return np.asarray(joined / joined.sum(axis=1, keepdims=True))
