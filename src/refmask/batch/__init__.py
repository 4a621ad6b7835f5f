"""Segment many images: a plan is cut into shards, and an engine answers them.

::

    plan     a folder, glob or table  ->  images and their expressions
    shards   consecutive images of the plan; the same input always gives the same shards
    worker   a shard  ->  a Parquet file, written whole or not at all
    engine   runs workers: threads on this machine, or actors on a Ray cluster

Each image is processed alone, with torch on one core, so rows depend neither on the engine nor on
earlier images. Nothing is shuffled: one worker computes and writes each row, and only a few numbers
per shard come back. Needs ``refmask[parquet]``, and ``refmask[ray]`` on a cluster.
"""

from __future__ import annotations

from refmask.errors import MissingResource

try:
    import pyarrow  # noqa: F401
except ModuleNotFoundError:
    raise MissingResource(
        'pyarrow is not installed; pip install "refmask[parquet]", or "refmask[ray]" for a cluster'
    ) from None
