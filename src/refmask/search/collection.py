"""What an index holds, on disk: two LanceDB tables. No model is needed to read or remove."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
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
#: Rows that are compared at a time when every row is.
CHUNK = 8192


@dataclass(frozen=True)
class Stats:
    """How much an index holds.

    Attributes:
        images: in it, those without regions included.
        regions: of all images.
        bytes: of its files, versions that will be removed by and by included.
        approximate: kind of the approximate index; None while every search looks at all regions.
        indexed: regions in the approximate index; the others are looked at one by one.
        alpha: with which its searched vectors are blended.
        dim: D, of each vector.
        folders: whose new images ``update`` takes in.
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

    An image is in the index when its row in ``images`` is. That row is written last and removed
    first: regions without it are what a killed writer left. They are never shown, and removed by
    whoever writes that image next.

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
            # Each read sees what all writers have written.
            database = _connect(self.folder)
            self._images = database.open_table(IMAGES)
            self._regions = database.open_table(REGIONS)

    @classmethod
    def create(
        cls, path: str | PathLike[str], configuration: Fingerprint, alpha: float, dim: int
    ) -> Collection:
        """The index in a folder; a new one where there is none.

        Args:
            path: a folder that is an index, empty, or not there.
            configuration: of a new index.
            alpha: of a new index.
            dim: of a new index.

        Raises:
            ConfigurationError: when the folder holds other things, or cannot be made.
            MissingResource: when LanceDB is not installed.
        """
        lancedb()
        folder = Path(path)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(
                f"cannot make the index {folder}: {error.strerror}; choose another folder"
            ) from None
        with write_lock(folder):
            if not (folder / MARKER).exists():
                _make(folder, Marker(configuration, alpha, dim))
        return cls(folder)

    def images(self, where: str | None = None) -> list[IndexedImage]:
        """Rows of ``images`` that fulfil a condition; all, if there is none."""
        with translate_errors(self.folder):
            found = self._images.search().where(where) if where else self._images.search()
            return [IndexedImage(**row) for row in found.to_arrow().to_pylist()]

    def rows(self, path: str) -> pa.Table:
        """All columns of the regions of an image, in the order of its proposals."""
        with translate_errors(self.folder):
            return self._regions.search().where(among("path", [path])).to_arrow().sort_by("number")

    def put(self, entries: Sequence[Entry]) -> None:
        """Write images with all their regions, in place of what was there for their paths."""
        import pyarrow as pa

        with write_lock(self.folder), translate_errors(self.folder):
            paths = [entry.image.path for entry in entries]
            known = {one.path: one for one in self.images(among("path", paths))} if paths else {}
            # Another process may have been quicker.
            fresh = [one for one in entries if not one.image.same_as(known.get(one.image.path))]
            if not fresh:
                return
            self._drop(among("path", (entry.image.path for entry in fresh)))
            rows = pa.concat_tables(entry.rows for entry in fresh)
            if len(rows):
                self._regions.add(rows)
            self._images.add(image_rows(entry.image for entry in fresh))

    def remove(self, where: str) -> int:
        """Remove images that fulfil a condition, with their regions; returns how many."""
        with write_lock(self.folder), translate_errors(self.folder):
            count = int(self._images.count_rows(where))
            self._drop(where)
            return count

    def remove_places(self, places: Iterable[str | PathLike[str]]) -> int:
        """Remove images by path, and all of folders; ``update`` does not bring them back.

        Args:
            places: files or folders, there or not.

        Returns:
            How many images were in the index and are not any more.
        """
        paths = [Path(place).resolve() for place in places]
        conditions = [among("path", map(str, paths)), *map(below, paths)]
        count = self.remove(" OR ".join(conditions))

        def change(marker: Marker) -> Marker:
            folders = [one for one in marker.folders if not lies_in(one, paths)]
            removed = [*marker.removed, *map(str, paths)]
            still = [one for one in removed if lies_in(one, folders)]
            return replace(marker, folders=_sorted(folders), removed=_sorted(still))

        self._change(change)
        return count

    def watch(self, places: Iterable[str], folders: Iterable[str]) -> None:
        """Note what ``update`` looks after.

        Args:
            places: absolute paths of files and folders, which may have been removed before.
            folders: absolute paths of those among them whose new images are taken in.
        """
        places, folders = list(places), list(folders)

        def change(marker: Marker) -> Marker:
            removed = [one for one in marker.removed if not lies_in(one, places)]
            watched = {*marker.folders, *folders}
            return replace(marker, folders=_sorted(watched), removed=_sorted(removed))

        self._change(change)

    def unwatch(self, folders: Sequence[str]) -> None:
        """No longer look after folders, by their absolute paths; what is in the index stays."""

        def change(marker: Marker) -> Marker:
            watched = [one for one in marker.folders if one not in folders]
            return replace(marker, folders=_sorted(watched))

        self._change(change)

    def nearest(self, vector: FloatArray, limit: int, where: str | None) -> pa.Table:
        """The regions that are most similar to a vector by what is searched, for a closer look.

        Args:
            vector: float32 (D,) of length 1.
            limit: how many.
            where: a condition that they fulfil.

        Returns:
            The columns ``READ``. All of the nearest while there is no approximate index; with one,
            their order is approximate, too.
        """
        with translate_errors(self.folder):
            return approximate.nearest(self._regions, vector, limit, where).select(READ)

    def best(
        self, score: Callable[[ContextFeatures], FloatArray], limit: int, where: str | None
    ) -> pa.Table:
        """The regions that score best, every one compared.

        Args:
            score: gives float32 (N,) for the unblended features of N regions.
            limit: how many.
            where: a condition that they fulfil.

        Returns:
            The columns ``READ``, best first.
        """
        import pyarrow as pa

        kept = region_schema(self.marker.dim).empty_table().select(READ)
        with translate_errors(self.folder):
            asked = self._regions.search().select(list(READ))
            asked = asked.where(where) if where else asked
            for batch in asked.to_batches(CHUNK):
                rows = pa.concat_tables([kept, pa.Table.from_batches([batch]).select(READ)])
                order = np.argsort(-score(features_of(rows)), kind="stable")
                kept = rows.take(order[:limit])
        return kept

    def settle(self) -> None:
        """Bring the files in order after writing, and the approximate index up to date."""
        with write_lock(self.folder), translate_errors(self.folder):
            self._images.optimize(cleanup_older_than=approximate.KEEP)
            marker = read_marker(self.folder)
            trained = approximate.settle(self._regions, marker.trained)
            if trained != marker.trained:
                approximate.make_by(self._images, "path", "content")
                approximate.make_by(self._regions, "path")
                write_marker(self.folder, replace(marker, trained=trained))

    def stats(self) -> Stats:
        """How much is in it."""
        marker = read_marker(self.folder)
        with translate_errors(self.folder):
            kind, indexed = approximate.told(self._regions)
            return Stats(
                images=int(self._images.count_rows()),
                regions=int(self._regions.count_rows()),
                bytes=sum(file.stat().st_size for file in _files(self.folder)),
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


def _make(folder: Path, marker: Marker) -> None:
    """Make a new index, marked last: without the mark, tables are what a killed maker left."""
    schemas = {IMAGES: image_schema(), REGIONS: region_schema(marker.dim)}
    visible = {item.name for item in folder.iterdir() if not item.name.startswith(".")}
    if visible - {f"{name}.lance" for name in schemas}:
        raise ConfigurationError(
            f"expected an index or an empty folder in {folder}, but it holds other things; name "
            "another folder"
        )
    with translate_errors(folder):
        database = _connect(folder)
        for name, schema in schemas.items():
            database.drop_table(name, ignore_missing=True)
            database.create_table(name, schema=schema)
    write_marker(folder, marker)


def _files(folder: Path) -> Iterator[Path]:
    return (file for file in folder.rglob("*") if file.is_file())
