"""``/v1/search``: regions of an index, as the HTTP interface asks and tells them."""

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
#: Nothing is opened by this name: it is compared with those in the index.
Folder = Annotated[str, StringConstraints(min_length=1, pattern=r"^[^\x00]+$")]


class Search(BaseModel):
    """A phrase to find in the images of the index."""

    model_config = ConfigDict(extra="forbid")

    phrase: str
    top: Count = Field(10, ge=1, le=100, description="Images at most.")
    regions: Count = Field(3, ge=1, le=100, description="Regions of each image at most.")
    rerank: Count = Field(0, ge=0, le=16, description="Ask the scenes of so many best images.")
    folder: Folder | None = Field(None, description="Of images below this folder.")
    min_area: Share = Field(0.0, description="Least share of the image.")
    max_area: Share = Field(1.0, description="Largest share of the image.")
    since: date | None = Field(None, description="Of images taken on this day or later.")
    until: date | None = Field(None, description="Of images taken on this day or earlier.")


class FoundRegion(BaseModel):
    """A region that fits the phrase."""

    proposal: int = Field(description="Its index among the image's mask proposals.")
    score: float = Field(description="The method's logit, comparable between images.")
    box: list[float] = Field(description="XYXY in pixels, half-open.")
    area: int = Field(description="Pixels.")
    segmentation: Rle


class FoundImage(BaseModel):
    """An image with the regions that fit best, best first."""

    image: str = Field(description="Its path, as it was given when it was added.")
    content: str = Field(description="SHA-256 of its size and pixels.")
    date: datetime
    width: int
    height: int
    score: float = Field(description="That of its best region.")
    confidence: float | None = Field(
        description="0 to 1, where the image was re-ranked and it means something."
    )
    unsure: bool | None = Field(description="Null where nobody has looked so closely.")
    reason: str | None = Field(description="Why it is unsure.")
    regions: list[FoundRegion]
    provenance: Origin | None


class Hits(BaseModel):
    """Images that were found, best first."""

    hits: list[FoundImage]
    unknown: str | None = Field(None, description="Why nothing was found, where that is known.")


#: Answers a search with JSON of ``Hits``; called by several threads.
Searcher = Callable[[Search], bytes]


def search_body(limits: Limits) -> type[Search]:
    """The body of a search with a phrase as long as the limits allow."""
    phrase: Any = (phrase_of(limits), Field(examples=["the dog under the table"]))
    return create_model("Search", __base__=Search, phrase=phrase)


def opener(folder: str | PathLike[str]) -> Callable[[Segmenter], Searcher]:
    """What opens an index, once there is a system to read phrases.

    Args:
        folder: where it is; see ``refmask.search.Index.open`` for what may be wrong with it.
    """

    def open_index(segmenter: Segmenter) -> Searcher:
        from refmask.search import Filters, Index

        index = Index.open(folder, segmenter)

        def search(asked: Search) -> bytes:
            area = (asked.min_area, asked.max_area)
            where = Filters(asked.folder, *area, asked.since, asked.until)
            hits = index.search(
                asked.phrase, asked.top, where, regions=asked.regions, rerank=asked.rerank
            )
            told = [FoundImage.model_validate(hit.record()) for hit in hits]
            unknown = None if told else index.unknown(asked.phrase)
            return Hits(hits=told, unknown=unknown).model_dump_json().encode()

        return search

    return open_index
