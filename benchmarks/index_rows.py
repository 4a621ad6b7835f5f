"""A collection of any size, drawn around the regions of real images.

The shipped scenes are looked at with the embedded model, and each region's two features are put
into a cluster. A drawn region is a real one plus normal noise with the covariance that regions have
within clusters, both features together, so that what goes with what is kept. In more dimensions
than the model has, features and phrases are turned into them by one random rotation, which changes
no cosine, and the noise has the same variance in all directions: nothing is gained from the model's
being small. Masks, boxes and areas are those of the real region.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.cluster.vq import kmeans2

from refmask.data.scenes import read_scenes
from refmask.methods.global_local import GlobalLocal
from refmask.search.rows import (
    GLOBAL,
    LOCAL,
    VECTOR,
    Entry,
    IndexedImage,
    region_rows,
    region_schema,
    search_vectors,
)
from refmask.segmenter import Segmenter
from refmask.types import ContextFeatures, FloatArray, TargetPhrase

#: Regions of an image, and real regions of a cluster, on average.
EACH, CLUSTER = 40, 12
SEED = 0


@dataclass(frozen=True, eq=False)
class Turned(GlobalLocal):
    """The method with its phrases turned into more dimensions.

    Attributes:
        turn: float32 (D, D'), of orthonormal rows.
    """

    turn: FloatArray | None = None

    def encode_text(self, phrases: Any) -> ContextFeatures:
        """As ``GlobalLocal.encode_text``, turned."""
        return _turned(super().encode_text(phrases), self.turn)


@dataclass(frozen=True, eq=False)
class Real:
    """What the shipped scenes hold.

    Attributes:
        features: float32 (R, D') each, turned.
        rows: their rows of ``regions``, with vectors of another dimension.
        phrases: all that is said about the scenes, as read.
        noise: float32 (2D', 2D'), a root of the covariance within clusters; or one number.
    """

    features: ContextFeatures
    rows: pa.Table
    phrases: list[TargetPhrase]
    noise: FloatArray

    def draw(self, count: int, random: np.random.Generator) -> tuple[IntArray, ContextFeatures]:
        """Regions drawn around real ones: which real one each is of, and its features."""
        which = random.integers(0, len(self.rows), count)
        dim = self.features.global_context.shape[1]
        noise = random.standard_normal((count, 2 * dim), np.float32)
        noise = noise @ self.noise.T if self.noise.ndim else noise * self.noise
        seen = (self.features.global_context, self.features.local_context)
        drawn = (
            _unit(real[which] + own) for real, own in zip(seen, np.split(noise, 2, 1), strict=True)
        )
        return which, ContextFeatures(*drawn)


IntArray = npt.NDArray[np.int64]


def real(segmenter: Segmenter, turn: FloatArray | None, scenes: int | None = None) -> Real:
    """The shipped scenes, the first so many or all, as a system sees them."""
    seen: list[ContextFeatures] = []
    tables, expressions = [], []
    for sample in islice(read_scenes(), scenes):
        scene = segmenter.look(sample.image)
        height, width = sample.image.shape[:2]
        image = IndexedImage("", "", "", 0, 0, datetime(2020, 1, 1), width, height, 0)
        tables.append(region_rows(image, scene.proposals, scene.features, 0.5))
        seen.append(scene.features)
        expressions += [query.expression for query in sample.queries]
    features = ContextFeatures(
        np.concatenate([one.global_context for one in seen]),
        np.concatenate([one.local_context for one in seen]),
    )
    phrases = segmenter.parser(list(dict.fromkeys(expressions)))
    spread = _within_clusters(features)
    if turn is None:
        noise = np.linalg.cholesky(spread + 1e-7 * np.eye(len(spread))).astype(np.float32)
    else:
        noise = np.float32(np.sqrt(np.trace(spread) / (2 * turn.shape[1])))
    return Real(_turned(features, turn), pa.concat_tables(tables), phrases, np.asarray(noise))


def rotation(small: int, large: int) -> FloatArray:
    """A random rotation from few dimensions into many: float32 (small, large)."""
    random = np.random.default_rng(SEED)
    return np.linalg.qr(random.standard_normal((large, small)))[0].T.astype(np.float32)


def entries(
    source: Real, first: int, count: int, alpha: float, random: np.random.Generator
) -> tuple[list[Entry], FloatArray]:
    """Drawn images of ``EACH`` regions, from a region's number on, and what is searched in full.

    Returns:
        The images; float32 (count, D') of length 1, before rounding.
    """
    which, features = source.draw(count, random)
    full = search_vectors(features, alpha)
    paths = [path_of(number) for number in range(first, first + count)]
    own = {
        "path": paths,
        "number": np.arange(first, first + count, dtype=np.int32) % EACH,
        GLOBAL: _vectors(features.global_context),
        LOCAL: _vectors(features.local_context),
        VECTOR: _vectors(full),
    }
    template = source.rows.take(which)
    schema = region_schema(full.shape[1])
    columns = {name: own.get(name, template.column(name)) for name in schema.names}
    table = pa.table(columns, schema=schema)
    return list(_images(table, first)), full


def path_of(number: int) -> str:
    """Where the image of a region lies."""
    image = number // EACH
    return f"/home/somebody/Images/{image // 500:05}/IMG_{image:07}.jpg"


def _images(table: pa.Table, first: int) -> Iterator[Entry]:
    for start in range(0, len(table), EACH):
        rows = table.slice(start, EACH)
        path = path_of(first + start)
        taken = datetime(2020, 1, 1)
        told = IndexedImage(
            path, path, f"{first + start:064x}", 10**6, 0, taken, 400, 400, len(rows)
        )
        yield Entry(told, rows)


def _within_clusters(features: ContextFeatures) -> npt.NDArray[np.float64]:
    """Covariance (2D, 2D) of both features together around the means of their clusters."""
    both = np.hstack([features.global_context, features.local_context]).astype(np.float64)
    centres, member = kmeans2(both, len(both) // CLUSTER, seed=SEED, minit="++", missing="warn")
    apart = both - centres[member]
    return np.asarray(apart.T @ apart / (len(both) - len(centres)))


def _turned(features: ContextFeatures, turn: FloatArray | None) -> ContextFeatures:
    if turn is None:
        return features
    return ContextFeatures(features.global_context @ turn, features.local_context @ turn)


def _unit(values: FloatArray) -> FloatArray:
    return np.asarray(values / np.linalg.norm(values, axis=1, keepdims=True), np.float32)


def _vectors(values: FloatArray) -> Any:
    flat = pa.array(values.astype(np.float16).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, values.shape[1])
