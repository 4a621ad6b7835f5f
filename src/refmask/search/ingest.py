"""Add and update images: unchanged and moved files keep their regions, others are encoded."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from refmask.errors import InputError
from refmask.fingerprint import of_image
from refmask.ops.images import read_image
from refmask.search.collection import Collection
from refmask.search.filters import among, lies_in
from refmask.search.folder import read_marker
from refmask.search.images import File, State, batches, date, images_below, state
from refmask.search.rows import Entry, IndexedImage, RemoteEncoder, region_rows, relabelled
from refmask.segmenter import Segmenter
from refmask.types import ContextFeatures, UInt8Array

#: Images between two commits: what a kill may cost.
BATCH = 16
#: Files looked up in the index at a time.
LOOKUP = 1000

ADDED, CHANGED, MOVED, KEPT, REMOVED, FAILED = (
    *("added", "changed", "moved", "kept"),
    *("removed", "failed"),
)


@dataclass(frozen=True)
class Outcome:
    """What was done with an image.

    Attributes:
        path: absolute.
        what: "added", "changed", "moved", "kept" (it was unchanged), "removed" or "failed".
        error: why it failed.
    """

    path: str
    what: str
    error: str = ""


def ingest(
    collection: Collection,
    segmenter: Segmenter,
    files: Sequence[File],
    remote: RemoteEncoder | None = None,
) -> Iterator[Outcome]:
    """Write the images that are new or changed, a batch at a time.

    An image whose content is in the index under another path takes its regions from there; the
    other path is removed if its file is gone.

    Args:
        collection: the index's tables.
        segmenter: encodes images; its configuration must be the collection's.
        files: each once.
        remote: encodes images in the segmenter's place.

    Yields:
        An outcome for each file, once it is written.
    """
    fresh: list[File] = []
    known: dict[str, IndexedImage] = {}
    for batch in batches(files, LOOKUP):
        named = [file for file in batch if _is_utf8(file)]
        for file in batch:
            if not _is_utf8(file):
                error = f"the name of {file.path} is not UTF-8; rename it"
                yield Outcome(file.path, FAILED, error)
        rows = collection.images(among("path", (file.path for file in named))) if named else []
        indexed = {image.path: image for image in rows}
        for file in named:
            image = indexed.get(file.path)
            if image is not None and state(file.path) == State(image.size, image.modified):
                yield Outcome(file.path, KEPT)
                continue
            fresh.append(file)
            if image is not None:
                known[file.path] = image
    with closing((remote or _no_entries)(fresh)) as encoded:
        for pairs in batches(zip(fresh, encoded, strict=True), BATCH):
            yield from _write(collection, segmenter, pairs, known)


def encode_file(segmenter: Segmenter, file: File, alpha: float) -> Entry:
    """Read and encode a file; see ``encode_image``.

    Raises:
        InputError: when it cannot be read or the proposer refuses it.
    """
    return encode_image(segmenter, *_read(file), alpha)


def encode_image(
    segmenter: Segmenter, indexed: IndexedImage, image: UInt8Array, alpha: float
) -> Entry:
    """Propose and encode an image's regions.

    Args:
        segmenter: its method is global-local, or one that derives from it.
        indexed: the image's row, its ``regions`` not yet counted.
        image: uint8 RGB (H, W, 3).
        alpha: weight of the global feature in the searched vectors.

    Raises:
        InputError: when the proposer refuses the image.
    """
    scene = segmenter.look(image)
    features = cast("ContextFeatures", scene.features)  # of a method for_search
    rows = region_rows(indexed, scene.proposals, features, alpha)
    return Entry(replace(indexed, regions=len(rows)), rows)


def tracked_files(collection: Collection) -> list[File]:
    """All image files that are in the index or in one of its folders."""
    images = collection.images()
    files = {image.path: File(image.path, image.given) for image in images if state(image.path)}
    marker = read_marker(collection.folder)
    for folder in marker.folders:
        for file in images_below(folder):
            if not lies_in(file.path, marker.removed):
                files.setdefault(file.path, file)
    return list(files.values())


def remove_missing(collection: Collection) -> Iterator[Outcome]:
    """Remove images whose files were deleted.

    Images of a folder that is missing as a whole stay: its disk may be unplugged. A missing folder
    without images in the index, as all were found where they were moved to, is forgotten.

    Yields:
        An outcome for each removed image, and for each missing folder whose images stay.
    """
    folders = read_marker(collection.folder).folders
    images = collection.images()
    deleted = [image.path for image in images if _is_deleted(image, folders)]
    if deleted:
        collection.remove(among("path", deleted))
    for path in deleted:
        yield Outcome(path, REMOVED)
    missing = [folder for folder in folders if not Path(folder).is_dir()]
    remaining = {image.path for image in images}.difference(deleted)
    moved = [folder for folder in missing if not any(lies_in(path, [folder]) for path in remaining)]
    if moved:
        collection.unwatch(moved)
    for folder in missing:
        if folder not in moved:
            error = (
                f"the folder {folder} is missing, so its images stay in the index; bring it back, "
                "or remove it with 'refmask index remove'"
            )
            yield Outcome(folder, FAILED, error)


def _is_deleted(image: IndexedImage, folders: tuple[str, ...]) -> bool:
    if state(image.path) is not None:
        return False
    path = Path(image.path)
    parents = [folder for folder in map(Path, folders) if path.is_relative_to(folder)]
    return any(folder.is_dir() for folder in parents or [path.parent])


def _no_entries(files: Sequence[File]) -> Generator[None, None, None]:
    """The remote encoder that leaves all images to the segmenter."""
    yield from (None for _ in files)


def _write(
    collection: Collection,
    segmenter: Segmenter,
    encoded: Sequence[tuple[File, Entry | InputError | None]],
    known: dict[str, IndexedImage],
) -> Iterator[Outcome]:
    """Write a batch; ``known`` holds the earlier rows of its files."""
    entries, outcomes, replaced = [], [], []
    for file, remote in encoded:
        try:
            entry, twin = _entry(collection, segmenter, file, remote)
        except InputError as error:
            yield Outcome(file.path, FAILED, str(error))
            continue
        entries.append(entry)
        if twin is not None and twin.path == file.path:
            what = KEPT
        elif twin is not None and state(twin.path) is None:
            what = MOVED
            replaced.append(twin.path)
        else:
            what = CHANGED if file.path in known else ADDED
        outcomes.append(Outcome(file.path, what))
    collection.put(entries)
    if replaced:
        collection.remove(among("path", replaced))
    yield from outcomes


def _entry(
    collection: Collection, segmenter: Segmenter, file: File, remote: Entry | InputError | None
) -> tuple[Entry, IndexedImage | None]:
    """An image with its regions, and the indexed image they were taken from, if any."""
    if isinstance(remote, InputError):
        raise remote
    if remote is None:
        indexed, image = _read(file)
    else:
        indexed = remote.image
    twins = collection.images(among("content", [indexed.content]))
    # Its own row first: a file that was merely touched. Then those whose file is gone: moved.
    for twin in sorted(
        twins, key=lambda twin: (twin.path != file.path, state(twin.path) is not None)
    ):
        rows = collection.rows(twin.path)
        if len(rows) == twin.regions:
            copied = replace(indexed, regions=len(rows))
            return Entry(copied, relabelled(rows, copied)), twin
    return remote or encode_image(segmenter, indexed, image, collection.marker.alpha), None


def _read(file: File) -> tuple[IndexedImage, UInt8Array]:
    """Read an image: its row, ``regions`` not yet counted, and uint8 RGB (H, W, 3)."""
    found = state(file.path) or State(0, 0)  # then reading raises the error
    image = read_image(file.path)
    indexed = IndexedImage(
        path=file.path,
        given=file.given,
        content=of_image(image),
        size=found.size,
        modified=found.modified,
        date=date(file.path, found.modified),
        width=image.shape[1],
        height=image.shape[0],
        regions=0,
    )
    return indexed, image


def _is_utf8(file: File) -> bool:
    """Whether names can be written as UTF-8; file systems allow others."""
    try:
        file.path.encode()
        file.given.encode()
    except UnicodeEncodeError:
        return False
    return True
