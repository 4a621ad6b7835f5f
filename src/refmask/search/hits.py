"""What a search finds: images, each with its regions that fit best."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from refmask.answer import ONE_REGION, verdict
from refmask.ops import rle
from refmask.provenance import Provenance
from refmask.search.rows import IndexedImage
from refmask.types import BoolArray, FloatArray

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Region:
    """A region of an image.

    Attributes:
        number: which of the image's mask proposals it is.
        score: the method's, a logit: comparable between images.
        box: XYXY pixels, half-open.
        area: pixels of its mask.
        segmentation: its mask, in COCO's run-length encoding.
    """

    number: int
    score: float
    box: tuple[float, float, float, float]
    area: int
    segmentation: rle.Rle

    @property
    def mask(self) -> BoolArray:
        """bool (H, W), of the image's size."""
        return rle.decode(self.segmentation)


@dataclass(frozen=True)
class Hit:
    """An image that was found.

    Attributes:
        path: absolute.
        given: the path as it was given when the image was added.
        content: SHA-256 of its size and pixels, in hexadecimal.
        date: when it was taken, by its EXIF, else when its file was written.
        width: in pixels.
        height: in pixels.
        regions: those that fit best, best first; at least one.
        confidence: 0 to 1, of the first among all regions of the image, as
            ``Segmentation.confidence``; None where that is None, or the image was not re-ranked.
        reason: why the first is unsure, as far as that is known without a re-ranking, which alone
            tells of blank images and low confidence.
        provenance: where it comes from.
        copies: absolute paths of other files with the same content that were found.
    """

    path: str
    given: str
    content: str
    date: datetime
    width: int
    height: int
    regions: tuple[Region, ...]
    confidence: float | None = None
    reason: str | None = None
    provenance: Provenance | None = None
    copies: tuple[str, ...] = ()

    @property
    def unsure(self) -> bool | None:
        """Whether the first is unsure; None when nobody has looked so closely."""
        return True if self.reason else None if self.confidence is None else False

    @property
    def verdict(self) -> str:
        """How far to trust it, in words; "" when nobody has looked so closely."""
        return verdict(self.confidence, self.reason)

    @property
    def score(self) -> float:
        """That of its best region."""
        return self.regions[0].score

    def record(self) -> dict[str, Any]:
        """Everything about it that JSON can hold."""
        return {
            "image": self.given,
            "path": self.path,
            "content": self.content,
            "date": self.date.isoformat(),
            "width": self.width,
            "height": self.height,
            "score": round(self.score, 4),
            "confidence": None if self.confidence is None else round(self.confidence, 4),
            "unsure": self.unsure,
            "reason": self.reason,
            "regions": [
                {
                    "proposal": region.number,
                    "score": round(region.score, 4),
                    "box": list(region.box),
                    "area": region.area,
                    "segmentation": region.segmentation,
                }
                for region in self.regions
            ],
            "copies": list(self.copies),
            "provenance": None if self.provenance is None else self.provenance.to_dict(),
        }


def grouped(
    rows: pa.Table, scores: FloatArray, images: Mapping[str, IndexedImage], most: int
) -> list[Hit]:
    """Regions by image, best first; files with the same content are one image.

    Args:
        rows: the columns ``READ`` of N regions.
        scores: float32 (N,).
        images: by path; regions of others are left out.
        most: regions of one image.
    """
    told = rows.drop_columns(["global", "local"]).to_pylist()
    order = sorted(
        range(len(told)), key=lambda row: (-scores[row], told[row]["path"], told[row]["number"])
    )
    shelves: dict[str, dict[str, list[int]]] = {}
    for row in order:
        path = told[row]["path"]
        if path in images:
            shelves.setdefault(images[path].content, {}).setdefault(path, []).append(row)
    hits = []
    for (path, own), *others in (shelf.items() for shelf in shelves.values()):
        image = images[path]
        regions = tuple(_region(told[row], float(scores[row]), image) for row in own[:most])
        hits.append(_hit(image, regions, tuple(name for name, _ in others)))
    return hits


def _hit(image: IndexedImage, regions: tuple[Region, ...], copies: tuple[str, ...]) -> Hit:
    return Hit(
        path=image.path,
        given=image.given,
        content=image.content,
        date=image.date,
        width=image.width,
        height=image.height,
        regions=regions,
        reason=ONE_REGION if image.regions == 1 else None,
        copies=copies,
    )


def _region(row: Mapping[str, Any], score: float, image: IndexedImage) -> Region:
    x1, y1, x2, y2 = row["box"]
    encoded: rle.Rle = {"size": [image.height, image.width], "counts": row["counts"]}
    return Region(row["number"], score, (x1, y1, x2, y2), row["area"], encoded)
