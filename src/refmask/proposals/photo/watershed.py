"""Over-segmentation along boundaries: the basins of a boundary map (Meyer 1991)."""

from __future__ import annotations

import numpy as np

from refmask.proposals.grouping.regions import Integers
from refmask.types import FloatArray

#: Standard deviation of the smoothing before, in pixels.
SIGMA = 1.0
#: Basins that are less deep than this, in strength, are part of a neighbour.
DEPTH = 5 / 255


def basins(strength: FloatArray) -> Integers:
    """Cut an image where boundaries are strong.

    Args:
        strength: float (h, w), 0 where nothing speaks for a boundary.

    Returns:
        int32 (h, w), values 0..R-1, all of them used.
    """
    from scipy.ndimage import gaussian_filter, label
    from skimage.morphology import local_minima, reconstruction
    from skimage.segmentation import watershed

    smooth = gaussian_filter(strength.astype(np.float32), SIGMA)
    raised = smooth + np.float32(DEPTH)
    filled = reconstruction(raised, smooth, method="erosion")  # type: ignore[no-untyped-call]
    around = np.ones((3, 3))
    lowest = local_minima(filled, footprint=around)  # type: ignore[no-untyped-call]
    markers, count = label(lowest, around)
    if count < 2:
        return np.zeros(strength.shape, np.int32)
    labels = watershed(smooth, markers)  # type: ignore[no-untyped-call]
    return np.asarray(labels - 1, np.int32)
