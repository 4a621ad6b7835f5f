"""Regions of many images, searched by phrase.

An index is a folder::

    refmask-index.json    marks it; its configuration, and the folders that were added
    images.lance        a row for each image
    regions.lance         a row for each of their mask proposals

Both tables are LanceDB's, embedded: there is no server. One process at a time writes, any number
read. A row of ``regions`` holds the mask as COCO's RLE, box, area, and three vectors in float16:

* ``global`` and ``local``, the features as the method gave them, unblended. Every score shown comes
  from these two, by the method itself, so alpha and beta stay free;
* ``vector``, both blended by the alpha that the index was made with, of length 1. This is what is
  searched, by cosine. The dot product of the unblended pair with the phrase would need no third
  vector, but it leaves out that the blends of different masks have different lengths, and ranks
  otherwise: ``benchmarks/index.py`` measures how much.

A phrase asked with another alpha is compared with every row instead.
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

#: Where the public names live, each imported on first use: what needs no model loads no library
#: of models.
_HOME = {
    "Collection": "collection",
    "Hit": "hits",
    "Index": "index",
    "Outcome": "ingest",
    "Region": "hits",
    "Stats": "collection",
    "Filters": "filters",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'refmask.search' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"refmask.search.{_HOME[name]}"), name)
