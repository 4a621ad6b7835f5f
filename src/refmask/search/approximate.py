"""LanceDB's indexes: an approximate one over vectors, and exact ones over columns.

``benchmarks/index.py`` measured the settings, and the number of regions from which they pay.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from refmask.search.rows import READ, VECTOR
from refmask.types import FloatArray

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Plan:
    """How the approximate index is built and searched.

    Attributes:
        kind: a class of ``lancedb.index``.
        settings: its arguments.
        probes: partitions that a search reads.
        refined: compare this many times ``limit`` candidates by their stored vectors; None skips
            that, because the method scores the candidates anyway.
    """

    kind: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    probes: int = 20
    refined: int | None = None


#: RaBitQ with four bits per dimension: one bit finds fewer regions, plain vectors take several
#: times as long, and longer training finds next to no more.
PLAN = Plan("IvfRq", {"num_bits": 4, "sample_rate": 32, "max_iterations": 10}, probes=80)
#: Regions from which an index pays: comparing all of these takes a tenth of a second.
WORTH = 100_000
#: Growth in regions after which the index is built again.
GROWN = 4
#: How long older versions of the tables are kept, for concurrent readers.
KEEP = timedelta(minutes=10)


def nearest(
    table: Any, vector: FloatArray, limit: int, where: str | None, plan: Plan = PLAN
) -> pa.Table:
    """Regions by cosine with a vector, most similar first; see ``Collection.nearest``."""
    query = (
        table.search(vector, vector_column_name=VECTOR)
        .distance_type("cosine")
        .nprobes(plan.probes)
        .limit(limit)
        .select([*READ, "_distance"])
    )
    if plan.refined:
        query = query.refine_factor(plan.refined)
    return (query.where(where, prefilter=True) if where else query).to_arrow()


def optimize(table: Any, trained: int) -> int:
    """Compact the table, and build the index or add new regions to it.

    Args:
        table: of regions.
        trained: number of regions when the index was built; 0 without one.

    Returns:
        The new value of ``trained``.
    """
    table.optimize(cleanup_older_than=KEEP)
    count = int(table.count_rows())
    if count < WORTH or (trained and count < GROWN * trained):
        return trained
    build(table)
    return count


def build(table: Any, plan: Plan = PLAN) -> None:
    """Build the approximate index, replacing an earlier one."""
    kind = getattr(importlib.import_module("lancedb.index"), plan.kind)
    table.create_index(VECTOR, config=kind(distance_type="cosine", **plan.settings))


def build_exact(table: Any, *columns: str) -> None:
    """Build an index over each column, replacing earlier ones."""
    for column in columns:
        table.create_index(column, config=importlib.import_module("lancedb.index").BTree())


def status(table: Any) -> tuple[str | None, int]:
    """Kind of the approximate index, None without one, and how many regions are in it."""
    for index in table.list_indices():
        if index.columns == [VECTOR]:
            stats = table.index_stats(index.name)
            return str(stats.index_type), int(stats.num_indexed_rows)
    return None, 0
