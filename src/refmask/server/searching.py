"""``/v1/search``: request and answer, and the search in an index."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from os import PathLike
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, create_model

from refmask.segmenter import Segmenter
from refmask.server.answers import Origin, Rle
from refmask.server.bodies import Count, phrase_of
from refmask.server.limits import Limits

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
#: Only compared with paths in the index, never opened.
Folder = Annotated[str, StringConstraints(min_length=1, pattern=r"^[^\x00]+$")]


class Search(BaseModel):
    """A phrase to find in the images of the index."""

    model_config = ConfigDict(extra="forbid")

    phrase: str
    top: Count = Field(10, ge=1, le=100, description="Most images.")
    regions: Count = Field(3, ge=1, le=100, description="Most regions per image.")
    rerank: Count = Field(0, ge=0, le=16, description="Number of best images to rerank.")
    folder: Folder | None = Field(None, description="Only images below this folder.")
    min_area: Share = Field(0.0, description="Smallest share of the image.")
    max_area: Share = Field(1.0, description="Largest share of the image.")
    since: date | None = Field(None, description="Only images taken on this day or later.")
    until: date | None = Field(None, description="Only images taken on this day or earlier.")


class FoundRegion(BaseModel):
    """A region that fits the phrase."""

    proposal: int = Field(description="Its index among the image's mask proposals.")
    score: float = Field(description="The method's logit, comparable between images.")
    box: list[float] = Field(description="XYXY in pixels, half-open.")
    area: int = Field(description="Pixels.")
    segmentation: Rle


class FoundImage(BaseModel):
    """An image with its best regions, best first."""

    image: str = Field(description="Its path, as it was added.")
    content: str = Field(description="SHA-256 of its size and pixels.")
    date: datetime
    width: int
    height: int
    score: float = Field(description="Score of its best region.")
    confidence: float | None = Field(
        description="0 to 1; null without reranking, or where it has no meaning."
    )
    unsure: bool | None = Field(description="Null without reranking.")
    reason: str | None = Field(description="Why it is unsure.")
    regions: list[FoundRegion]
    provenance: Origin | None


class Hits(BaseModel):
    """Found images, best first."""

    hits: list[FoundImage]
    unknown: str | None = Field(None, description="Why nothing was found, where known.")


#: Answers a search with JSON of ``Hits``; several threads may call it.
Searcher = Callable[[Search], bytes]


def search_body(limits: Limits) -> type[Search]:
    """The type of a search's body under some limits."""
    phrase: Any = (phrase_of(limits), Field(examples=["the dog under the table"]))
    return create_model("Search", __base__=Search, phrase=phrase)


def opener(folder: str | PathLike[str]) -> Callable[[Segmenter], Searcher]:
    """A function that opens an index, once the segmenter is loaded.

    Args:
        folder: of the index; for errors see ``refmask.search.Index.open``.
    """

    def open_index(segmenter: Segmenter) -> Searcher:
        from refmask.search import Filters, Index

        index = Index.open(folder, segmenter)

        def search(query: Search) -> bytes:
            area = (query.min_area, query.max_area)
            filters = Filters(query.folder, *area, query.since, query.until)
            hits = index.search(
                query.phrase, query.top, filters, regions=query.regions, rerank=query.rerank
            )
            images = [FoundImage.model_validate(hit.record()) for hit in hits]
            unknown = None if images else index.unknown(query.phrase)
            return Hits(hits=images, unknown=unknown).model_dump_json().encode()

        return search

    return open_index
