"""Regions of many images, searched by phrase.

An index is a folder::

    refmask-index.json    its configuration, and the folders that were added
    pictures.lance        a row for each image
    regions.lance         a row for each of their mask proposals

Both tables are LanceDB's, embedded in this process. One process at a time writes, any number read.
A row of ``regions`` holds the mask as COCO's RLE, box, area, and three vectors in float16:

* ``global`` and ``local``: the method's features, unblended. The method computes every score shown
  from these two, so alpha and beta can be chosen per search.
* ``vector``: both blended by the index's alpha, of length 1; searched by cosine. The dot product of
  the unblended pair with the phrase would need no third vector, but ignores that the blends of
  different masks have different lengths, and ranks otherwise: ``benchmarks/index.py`` measures it.

A search with another alpha than the index's compares every row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from refmask.search.collection import Collection as Collection
    from refmask.search.collection import Stats as Stats
    from refmask.search.filters import Filters as Filters
    from refmask.search.hits import Hit as Hit
    from refmask.search.hits import Region as Region
    from refmask.search.index import Index as Index
    from refmask.search.ingest import Outcome as Outcome

#: Modules of the public names. Each is imported on first use, so that reading an index loads no
#: model libraries.
_MODULES = {
    "Collection": "collection",
    "Hit": "hits",
    "Index": "index",
    "Outcome": "ingest",
    "Region": "hits",
    "Stats": "collection",
    "Filters": "filters",
}

__all__ = sorted(_MODULES)


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'refmask.search' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"refmask.search.{_MODULES[name]}"), name)
