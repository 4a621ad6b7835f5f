"""Results of a search: images, each with its best regions."""

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
        number: index among the image's mask proposals.
        score: the method's logit, comparable between images.
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
    """An image with regions that match a phrase.

    Attributes:
        path: absolute.
        given: the path as the user wrote it when the image was added.
        content: SHA-256 of its size and pixels, in hexadecimal.
        date: when it was taken, by its EXIF, else when its file was written.
        width: in pixels.
        height: in pixels.
        regions: the best ones, best first; at least one.
        confidence: 0 to 1, in the first region among all of the image, as
            ``Segmentation.confidence``; None where that is None, or the image was not re-ranked.
        reason: why the first region is unsure. Blank images and low confidence are known only after
            re-ranking.
        provenance: model, method, proposals and version behind it.
        copies: absolute paths of other matching files with the same content.
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
        """Whether the first region is unsure; None when not re-ranked."""
        return True if self.reason else None if self.confidence is None else False

    @property
    def verdict(self) -> str:
        """How far to trust it, in words; "" when not re-ranked."""
        return verdict(self.confidence, self.reason)

    @property
    def score(self) -> float:
        """The score of its best region."""
        return self.regions[0].score

    def record(self) -> dict[str, Any]:
        """All fields, as JSON can hold them."""
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
    """Group regions by image, best first; files with the same content are one image.

    Args:
        rows: the columns ``READ`` of N regions.
        scores: float32 (N,).
        images: by path; regions of other images are left out.
        most: regions per image.
    """
    regions = [
        (images[row["path"]], _region(row, float(score), images[row["path"]]))
        for row, score in zip(
            rows.drop_columns(["global", "local"]).to_pylist(), scores, strict=True
        )
        if row["path"] in images
    ]
    regions.sort(key=lambda pair: (-pair[1].score, pair[0].path, pair[1].number))
    by_content: dict[str, dict[str, list[Region]]] = {}
    for image, region in regions:
        by_content.setdefault(image.content, {}).setdefault(image.path, []).append(region)
    return [
        Hit(
            path=path,
            given=images[path].given,
            content=content,
            date=images[path].date,
            width=images[path].width,
            height=images[path].height,
            regions=tuple(best[:most]),
            reason=ONE_REGION if images[path].regions == 1 else None,
            copies=tuple(name for name, _ in copies),
        )
        for content, files in by_content.items()
        for (path, best), *copies in [files.items()]
    ]


def _region(row: Mapping[str, Any], score: float, image: IndexedImage) -> Region:
    x1, y1, x2, y2 = row["box"]
    encoded: rle.Rle = {"size": [image.height, image.width], "counts": row["counts"]}
    return Region(row["number"], score, (x1, y1, x2, y2), row["area"], encoded)
