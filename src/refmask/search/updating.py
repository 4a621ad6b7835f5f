"""What has become of the images of an index on disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from refmask.search.collection import Collection
from refmask.search.filters import among, lies_in
from refmask.search.folder import read_marker
from refmask.search.images import File, below, state
from refmask.search.ingest import FAILED, REMOVED, Outcome
from refmask.search.rows import IndexedImage


def there(collection: Collection) -> list[File]:
    """The files of all images that are in the index or in one of its folders."""
    own = {one.path: File(one.path, one.given) for one in collection.images()}
    files = {path: file for path, file in own.items() if state(path) is not None}
    marker = read_marker(collection.folder)
    for folder in marker.folders:
        for file in below(folder):
            if not lies_in(file.path, marker.removed):
                files.setdefault(file.path, file)
    return list(files.values())


def leave(collection: Collection) -> Iterator[Outcome]:
    """Remove the images whose files are gone.

    Those of a folder that is gone as a whole stay, as a disk may merely be unplugged. A folder that
    is gone and of which no image is left, as all are taken over from where they were moved to, is
    forgotten.

    Yields:
        An outcome for each that was removed, and for each folder that is gone.
    """
    folders = read_marker(collection.folder).folders
    images = collection.images()
    gone = [one.path for one in images if _gone(one, folders)]
    if gone:
        collection.remove(among("path", gone))
    for path in gone:
        yield Outcome(path, REMOVED)
    absent = [folder for folder in folders if not Path(folder).is_dir()]
    left = [one.path for one in images if one.path not in set(gone)]
    moved = [folder for folder in absent if not any(lies_in(path, [folder]) for path in left)]
    if moved:
        collection.unwatch(moved)
    for folder in absent:
        if folder not in moved:
            why = (
                f"the folder {folder} is gone, so its images stay in the index; bring it back, "
                "or remove it by 'refmask index remove'"
            )
            yield Outcome(folder, FAILED, why)


def _gone(image: IndexedImage, folders: tuple[str, ...]) -> bool:
    path = Path(image.path)
    if state(image.path) is not None:
        return False
    around = [folder for folder in map(Path, folders) if path.is_relative_to(folder)]
    return any(folder.is_dir() for folder in around or [path.parent])
