"""The tables of an index on disk. Reading and removing need no model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from refmask.errors import ConfigurationError
from refmask.fingerprint import Fingerprint
from refmask.search import approximate
from refmask.search.filters import among, below, lies_in
from refmask.search.folder import (
    MARKER,
    Marker,
    lancedb,
    read_marker,
    translate_errors,
    write_lock,
    write_marker,
)
from refmask.search.rows import (
    READ,
    Entry,
    IndexedImage,
    features_of,
    image_rows,
    image_schema,
    region_schema,
)
from refmask.types import ContextFeatures, FloatArray

if TYPE_CHECKING:
    import pyarrow as pa

IMAGES, REGIONS = "pictures", "regions"
#: Rows scored at a time when all are compared.
CHUNK = 8192


@dataclass(frozen=True)
class Stats:
    """How much an index holds.

    Attributes:
        images: number of images, including those without regions.
        regions: number of regions.
        bytes: of its files, including older versions that are deleted later.
        approximate: kind of the approximate index; None while every search compares all regions.
        indexed: regions in the approximate index; searches compare all others.
        alpha: weight of the global feature in its searched vectors.
        dim: D, of each vector.
        folders: folders whose new images ``update`` adds.
        configuration: all that its features and masks depend on.
    """

    images: int
    regions: int
    bytes: int
    approximate: str | None
    indexed: int
    alpha: float
    dim: int
    folders: tuple[str, ...]
    configuration: dict[str, Any]


class Collection:
    """The rows of an index.

    An image is in the index when it has a row in ``images``. That row is written last and removed
    first. Regions without it, as a killed writer may leave them, are never shown, and the next
    writer of that image removes them.

    Args:
        path: the index's folder.

    Raises:
        ConfigurationError: when it is no index, or damaged.
        MissingResource: when LanceDB is not installed.
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        self.folder = Path(path)
        self.marker = read_marker(self.folder)
        with translate_errors(self.folder):
            # Each read sees all writes.
            database = _connect(self.folder)
            self._images = database.open_table(IMAGES)
            self._regions = database.open_table(REGIONS)

    @classmethod
    def create(
        cls, path: str | PathLike[str], configuration: Fingerprint, alpha: float, dim: int
    ) -> Collection:
        """Open the index in a folder, or create one.

        Args:
            path: a folder that is an index, empty, or does not exist.
            configuration: of a new index.
            alpha: of a new index.
            dim: of a new index.

        Raises:
            ConfigurationError: when the folder holds other files, or cannot be created.
            MissingResource: when LanceDB is not installed.
        """
        lancedb()
        folder = Path(path)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(
                f"cannot create the index {folder}: {error.strerror}; choose another folder"
            ) from None
        with write_lock(folder):
            if not (folder / MARKER).exists():
                _initialize(folder, Marker(configuration, alpha, dim))
        return cls(folder)

    def images(self, where: str | None = None) -> list[IndexedImage]:
        """Rows of ``images`` that fulfil an SQL condition; all when it is None."""
        with translate_errors(self.folder):
            query = self._images.search()
            rows = (query.where(where) if where else query).to_arrow()
            return [IndexedImage(**row) for row in rows.to_pylist()]

    def rows(self, path: str) -> pa.Table:
        """All columns of the regions of an image, in the order of its proposals."""
        with translate_errors(self.folder):
            return self._regions.search().where(among("path", [path])).to_arrow().sort_by("number")

    def put(self, entries: Sequence[Entry]) -> None:
        """Write images with all their regions, replacing earlier rows of their paths."""
        import pyarrow as pa

        with write_lock(self.folder), translate_errors(self.folder):
            paths = [entry.image.path for entry in entries]
            written = self.images(among("path", paths)) if paths else []
            known = {image.path: image for image in written}
            # Another process may have written the same image meanwhile.
            fresh = [
                entry for entry in entries if not entry.image.same_as(known.get(entry.image.path))
            ]
            if not fresh:
                return
            self._drop(among("path", (entry.image.path for entry in fresh)))
            rows = pa.concat_tables(entry.rows for entry in fresh)
            if len(rows):
                self._regions.add(rows)
            self._images.add(image_rows(entry.image for entry in fresh))

    def remove(self, where: str) -> int:
        """Remove images that fulfil an SQL condition, with their regions; returns how many."""
        with write_lock(self.folder), translate_errors(self.folder):
            count = int(self._images.count_rows(where))
            self._drop(where)
            return count

    def remove_places(self, places: Iterable[str | PathLike[str]]) -> int:
        """Remove files and all images below folders; ``update`` does not add them again.

        Args:
            places: files or folders, which need not exist.

        Returns:
            How many images were removed.
        """
        paths = [Path(place).resolve() for place in places]
        conditions = [among("path", map(str, paths)), *map(below, paths)]
        count = self.remove(" OR ".join(conditions))

        def change(marker: Marker) -> Marker:
            folders = [folder for folder in marker.folders if not lies_in(folder, paths)]
            removed = [*marker.removed, *map(str, paths)]
            removed = [path for path in removed if lies_in(path, folders)]
            return replace(marker, folders=_sorted(folders), removed=_sorted(removed))

        self._change(change)
        return count

    def watch(self, places: Iterable[str], folders: Iterable[str]) -> None:
        """Have ``update`` add new images of folders, and no longer skip removed places.

        Args:
            places: absolute paths of files and folders.
            folders: absolute paths of the folders among them.
        """
        places, folders = list(places), list(folders)

        def change(marker: Marker) -> Marker:
            removed = [path for path in marker.removed if not lies_in(path, places)]
            watched = [*marker.folders, *folders]
            return replace(marker, folders=_sorted(watched), removed=_sorted(removed))

        self._change(change)

    def unwatch(self, folders: Sequence[str]) -> None:
        """Have ``update`` ignore folders, given by absolute paths; their images stay."""
        self._change(
            lambda marker: replace(marker, folders=_sorted({*marker.folders}.difference(folders)))
        )

    def nearest(self, vector: FloatArray, limit: int, where: str | None) -> pa.Table:
        """The regions whose searched vectors are nearest to a vector, as candidates for scoring.

        Args:
            vector: float32 (D,) of length 1.
            limit: how many.
            where: an SQL condition that they fulfil.

        Returns:
            The columns ``READ``. Exact while there is no approximate index; with one, selection and
            order are approximate.
        """
        with translate_errors(self.folder):
            return approximate.nearest(self._regions, vector, limit, where).select(READ)

    def best(
        self, score: Callable[[ContextFeatures], FloatArray], limit: int, where: str | None
    ) -> pa.Table:
        """The regions with the best scores among all.

        Args:
            score: float32 (N,) from the unblended features of N regions.
            limit: how many.
            where: an SQL condition that they fulfil.

        Returns:
            The columns ``READ``, best first.
        """
        import pyarrow as pa

        best = region_schema(self.marker.dim).empty_table().select(READ)
        with translate_errors(self.folder):
            query = self._regions.search().select(list(READ))
            query = query.where(where) if where else query
            for batch in query.to_batches(CHUNK):
                rows = pa.concat_tables([best, pa.Table.from_batches([batch]).select(READ)])
                order = np.argsort(-score(features_of(rows)), kind="stable")
                best = rows.take(order[:limit])
        return best

    def optimize(self) -> None:
        """Compact the files after writing, and update the approximate index."""
        with write_lock(self.folder), translate_errors(self.folder):
            self._images.optimize(cleanup_older_than=approximate.KEEP)
            marker = read_marker(self.folder)
            trained = approximate.optimize(self._regions, marker.trained)
            if trained != marker.trained:
                approximate.build_exact(self._images, "path", "content")
                approximate.build_exact(self._regions, "path")
                write_marker(self.folder, replace(marker, trained=trained))

    def stats(self) -> Stats:
        """Count images, regions and bytes."""
        marker = read_marker(self.folder)
        with translate_errors(self.folder):
            kind, indexed = approximate.status(self._regions)
            files = self.folder.rglob("*")
            return Stats(
                images=int(self._images.count_rows()),
                regions=int(self._regions.count_rows()),
                bytes=sum(file.stat().st_size for file in files if file.is_file()),
                approximate=kind,
                indexed=indexed,
                alpha=marker.alpha,
                dim=marker.dim,
                folders=marker.folders,
                configuration=dict(marker.configuration),
            )

    def _drop(self, where: str) -> None:
        for table in (self._images, self._regions):
            if table.count_rows(where):
                table.delete(where)

    def _change(self, change: Callable[[Marker], Marker]) -> None:
        with write_lock(self.folder):
            marker = read_marker(self.folder)
            if change(marker) != marker:
                write_marker(self.folder, change(marker))


def _sorted(paths: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(paths)))


def _connect(folder: Path) -> Any:
    return lancedb().connect(str(folder), read_consistency_interval=timedelta(0))


def _initialize(folder: Path, marker: Marker) -> None:
    """Create an index. The marker is written last: tables without it are of a killed process."""
    schemas = {IMAGES: image_schema(), REGIONS: region_schema(marker.dim)}
    visible = {item.name for item in folder.iterdir() if not item.name.startswith(".")}
    if visible - {f"{name}.lance" for name in schemas}:
        raise ConfigurationError(f"{folder} is not empty and no index; choose another folder")
    with translate_errors(folder):
        database = _connect(folder)
        for name, schema in schemas.items():
            database.drop_table(name, ignore_missing=True)
            database.create_table(name, schema=schema)
    write_marker(folder, marker)
