"""Many images: what is asked is cut into shards, and one stage answers them on any engine.

::

    plan     a folder, a glob or a table  ->  images and what is asked about each
    shards   the plan in pieces of so many rows; the same input is always cut alike
    worker   a shard  ->  a Parquet file, there whole or not at all
    engine   which worker does which shard: threads here, or actors of a Ray cluster

An image is answered alone, with torch on one core, so that rows depend neither on the engine nor
on what was answered before. Nothing is shuffled: each row is computed and written by one worker,
and only a few numbers about each shard come back. Needs ``refmask[parquet]``, and on a cluster
``refmask[ray]``.
"""

from __future__ import annotations

from refmask.errors import MissingResource

try:
    import pyarrow  # noqa: F401
except ModuleNotFoundError:
    raise MissingResource(
        "this needs pyarrow, which is not installed; "
        'pip install "refmask[ray]" to work on a cluster, else pip install "refmask[parquet]"'
    ) from None
