"""Rows of an index: one per image, and one per region."""

from __future__ import annotations

import io
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from refmask.errors import InputError
from refmask.ops import rle
from refmask.ops.masks import areas_of
from refmask.search.images import File
from refmask.types import ContextFeatures, FloatArray, MaskProposals

if TYPE_CHECKING:
    import pyarrow as pa

#: Columns of vectors: both features, and the searched one.
GLOBAL, LOCAL, VECTOR = "global", "local", "vector"
#: Columns of a region that a search reads.
READ = ("path", "number", "box", "area", "counts", GLOBAL, LOCAL)


@dataclass(frozen=True, slots=True)
class IndexedImage:
    """A row of ``images``.

    Attributes:
        path: absolute, links followed.
        given: the path as the user wrote it when the image was added.
        content: SHA-256 of its size and pixels, in hexadecimal.
        size: bytes of its file.
        modified: when its file was last changed, nanoseconds since 1970.
        date: when it was taken, local time.
        width: in pixels.
        height: in pixels.
        regions: how many rows it has in ``regions``.
    """

    path: str
    given: str
    content: str
    size: int
    modified: int
    date: datetime
    width: int
    height: int
    regions: int

    def same_as(self, other: IndexedImage | None) -> bool:
        """Whether both are the same file in the same state."""
        names = ("path", "content", "size", "modified")
        return all(getattr(self, name) == getattr(other, name, None) for name in names)


@dataclass(frozen=True, eq=False)
class Entry:
    """An image's row and its rows of ``regions``, to be written."""

    image: IndexedImage
    rows: pa.Table


def image_schema() -> pa.Schema:
    """Columns of ``images``."""
    import pyarrow as pa

    texts = [(name, pa.string()) for name in ("path", "given", "content")]
    longs = [(name, pa.int64()) for name in ("size", "modified")]
    shorts = [(name, pa.int32()) for name in ("width", "height", "regions")]
    return pa.schema([*texts, *longs, ("date", pa.timestamp("s")), *shorts])


def region_schema(dim: int) -> pa.Schema:
    """Columns of ``regions``, with vectors of D = ``dim``."""
    import pyarrow as pa

    vector = pa.list_(pa.float16(), dim)
    return pa.schema(
        [
            ("path", pa.string()),
            ("number", pa.int32()),
            ("date", pa.timestamp("s")),
            ("share", pa.float32()),
            ("area", pa.int32()),
            ("box", pa.list_(pa.float32(), 4)),
            ("counts", pa.string()),
            *((name, vector) for name in (GLOBAL, LOCAL, VECTOR)),
        ]
    )


def image_rows(images: Iterable[IndexedImage]) -> pa.Table:
    """Rows of ``images``."""
    import pyarrow as pa

    return pa.Table.from_pylist(list(map(asdict, images)), schema=image_schema())


def region_rows(
    image: IndexedImage, proposals: MaskProposals, features: ContextFeatures, alpha: float
) -> pa.Table:
    """Rows of ``regions``, one for each mask.

    Args:
        image: the image's row.
        proposals: N masks of its size.
        features: float32 (N, D) each.
        alpha: weight of the global feature in the searched vectors.
    """
    import pyarrow as pa

    count, dim = features.global_context.shape
    areas = areas_of(proposals.masks)
    columns = {
        "path": [image.path] * count,
        "number": np.arange(count, dtype=np.int32),
        "date": pa.array([image.date] * count, pa.timestamp("s")),
        "share": (areas / (image.width * image.height)).astype(np.float32),
        "area": areas.astype(np.int32),
        "box": _vectors(proposals.boxes.astype(np.float32)),
        "counts": [rle.encode(mask)["counts"] for mask in proposals.masks],
        GLOBAL: _vectors(features.global_context.astype(np.float16)),
        LOCAL: _vectors(features.local_context.astype(np.float16)),
        VECTOR: _vectors(search_vectors(features, alpha).astype(np.float16)),
    }
    return pa.table(columns, schema=region_schema(dim))


def relabelled(rows: pa.Table, image: IndexedImage) -> pa.Table:
    """Rows of ``regions`` for another file with the same content."""
    import pyarrow as pa

    for name, value in (("path", image.path), ("date", image.date)):
        place = rows.schema.get_field_index(name)
        kind = rows.schema.field(name)
        rows = rows.set_column(place, kind, pa.array([value] * len(rows), kind.type))
    return rows


def search_vectors(features: ContextFeatures, alpha: float) -> FloatArray:
    """Blended features of length 1, float32 (N, D): their dot product is the method's cosine."""
    blended = features.blend(alpha)
    lengths = np.linalg.norm(blended, axis=1, keepdims=True)
    return np.asarray(blended / np.maximum(lengths, np.finfo(np.float32).tiny), np.float32)


def features_of(rows: pa.Table) -> ContextFeatures:
    """The unblended features of N rows of ``regions``: float32 (N, D) each."""
    return ContextFeatures(_floats(rows, GLOBAL), _floats(rows, LOCAL))


def boxes_of(rows: pa.Table) -> FloatArray:
    """The boxes of N rows of ``regions``: float32 (N, 4), XYXY pixels."""
    return _floats(rows, "box")


def _vectors(values: FloatArray) -> Any:
    import pyarrow as pa

    return pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), values.shape[1])


def _floats(rows: pa.Table, name: str) -> FloatArray:
    column = rows.column(name).combine_chunks()
    width = rows.schema.field(name).type.list_size
    return np.asarray(column.flatten().to_numpy(zero_copy_only=False), np.float32).reshape(
        -1, width
    )


#: Encodes files on other machines, and yields the entry of each in their order, or the error.
RemoteEncoder = Callable[[Sequence[File]], Generator[Entry | InputError, None, None]]


def serialize(entry: Entry) -> bytes:
    """An entry as two Arrow streams: the image's row, then its regions'."""
    import pyarrow as pa

    sink = io.BytesIO()
    for table in (image_rows([entry.image]), entry.rows):
        with pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table)
    return sink.getvalue()


def deserialize(content: bytes) -> Entry:
    """The inverse of ``serialize``."""
    import pyarrow as pa

    source = pa.BufferReader(content)
    image, rows = (pa.ipc.open_stream(source).read_all() for _ in range(2))
    return Entry(IndexedImage(**image.to_pylist()[0]), rows)
