"""Finding rows among millions without reading each: LanceDB's indexes.

Regions by what they show, approximately, and rows by path or content. How, and from how many
regions on, was chosen by ``benchmarks/index.py``.
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
    """How the approximate index is made and asked.

    Attributes:
        kind: a class of ``lancedb.index``.
        making: its settings.
        probes: parts of it that are looked at.
        refined: so many times as many candidates as asked for have their searched vectors read and
            compared; None for those asked for, without reading: the method compares them anyway.
    """

    kind: str
    making: Mapping[str, Any] = field(default_factory=dict)
    probes: int = 20
    refined: int | None = None


#: RaBitQ with four bits a dimension; one bit finds fewer, plain vectors take several times as long.
#: LanceDB's longer training found next to no more.
PLAN = Plan("IvfRq", {"num_bits": 4, "sample_rate": 32, "max_iterations": 10}, probes=80)
#: From so many regions on: comparing every one of these takes a tenth of a second.
WORTH = 100_000
#: Made anew when there are so many times as many regions as it was made for.
GROWN = 4
#: Older versions of the tables are kept so long, for those who are reading them.
KEEP = timedelta(minutes=10)


def nearest(
    table: Any, vector: FloatArray, limit: int, where: str | None, plan: Plan = PLAN
) -> pa.Table:
    """Regions by cosine with a vector, most similar first; see ``Collection.nearest``."""
    asked = (
        table.search(vector, vector_column_name=VECTOR)
        .distance_type("cosine")
        .nprobes(plan.probes)
        .limit(limit)
        .select([*READ, "_distance"])
    )
    asked = asked.refine_factor(plan.refined) if plan.refined else asked
    return (asked.where(where, prefilter=True) if where else asked).to_arrow()


def settle(table: Any, trained: int) -> int:
    """Compact the table, and make the index or take new regions into it.

    Args:
        table: of regions.
        trained: how many there were when the index was made; 0 without one.

    Returns:
        The same for the index as it is now.
    """
    table.optimize(cleanup_older_than=KEEP)
    count = int(table.count_rows())
    if count < WORTH or (trained and count < GROWN * trained):
        return trained
    make(table)
    return count


def make(table: Any, plan: Plan = PLAN) -> None:
    """Make the index, in place of one that may be there."""
    kind = getattr(importlib.import_module("lancedb.index"), plan.kind)
    table.create_index(VECTOR, config=kind(distance_type="cosine", **plan.making))


def make_by(table: Any, *columns: str) -> None:
    """Have rows found by what columns hold, in place of what may be there for that."""
    for column in columns:
        table.create_index(column, config=importlib.import_module("lancedb.index").BTree())


def told(table: Any) -> tuple[str | None, int]:
    """Kind of the index, None without one, and how many regions are in it."""
    for index in table.list_indices():
        if index.columns == [VECTOR]:
            stats = table.index_stats(index.name)
            return str(stats.index_type), int(stats.num_indexed_rows)
    return None, 0
