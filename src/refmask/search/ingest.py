"""Taking images in: those that are new, changed or moved are told from those that are not."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import cast

from refmask.errors import InputError
from refmask.fingerprint import of_image
from refmask.ops.images import read_image
from refmask.search.collection import Collection
from refmask.search.filters import among
from refmask.search.images import File, State, batches, date, state
from refmask.search.rows import Elsewhere, Entry, IndexedImage, region_rows, relabelled
from refmask.segmenter import Segmenter
from refmask.types import ContextFeatures, UInt8Array

#: Images between two commits: what a kill may cost.
BATCH = 16
#: Files that are asked after at a time.
ASKED = 1000

ADDED, CHANGED, MOVED, KEPT, REMOVED, FAILED = (
    *("added", "changed", "moved", "kept"),
    *("removed", "failed"),
)


@dataclass(frozen=True)
class Outcome:
    """What became of an image.

    Attributes:
        path: absolute.
        what: "added", "changed", "moved", "kept" (it was there already), "removed" or "failed".
        error: why it failed.
    """

    path: str
    what: str
    error: str = ""


def take(
    collection: Collection,
    segmenter: Segmenter,
    files: Sequence[File],
    elsewhere: Elsewhere | None = None,
) -> Iterator[Outcome]:
    """Write all that is not there yet, a batch at a time.

    An image whose content is known under another path takes its regions from there, and the other
    path leaves when its file is gone.

    Args:
        collection: where.
        segmenter: looks at images; its configuration must be the collection's.
        files: each once.
        elsewhere: looks at them instead of the segmenter, where it is given.

    Yields:
        An outcome for each file, once it is written.
    """
    fresh: list[File] = []
    known: dict[str, IndexedImage] = {}
    for asked in batches(files, ASKED):
        nameable = [file for file in asked if _nameable(file)]
        yield from (
            _failed(file, f"the name of {file.path} is not UTF-8; rename it")
            for file in asked
            if not _nameable(file)
        )
        there = collection.images(among("path", (file.path for file in nameable)))
        old = {image.path: image for image in there} if nameable else {}
        for file in nameable:
            if _unchanged(file, old.get(file.path)):
                yield Outcome(file.path, KEPT)
            else:
                fresh.append(file)
                known |= {file.path: old[file.path]} if file.path in old else {}
    with closing((elsewhere or _not_yet)(fresh)) as looked:
        for batch in batches(zip(fresh, looked, strict=True), BATCH):
            yield from _write(collection, segmenter, batch, known)


def look_at(segmenter: Segmenter, file: File, alpha: float) -> Entry:
    """As ``look``, at a file: all that is done elsewhere.

    Raises:
        InputError: when it cannot be read or the proposer refuses it.
    """
    found = state(file.path) or State(0, 0)  # then reading tells what is wrong
    image = read_image(file.path)
    return look(segmenter, describe(file, found, image), image, alpha)


def look(segmenter: Segmenter, indexed: IndexedImage, image: UInt8Array, alpha: float) -> Entry:
    """An image with its regions, looked at.

    Args:
        segmenter: its method is global-local, or one that derives from it.
        indexed: whose ``regions`` is not known yet.
        image: uint8 RGB (H, W, 3).
        alpha: weight of the global feature in what is searched.

    Raises:
        InputError: when the proposer refuses the image.
    """
    scene = segmenter.look(image)
    features = cast("ContextFeatures", scene.features)  # of a method for_search
    rows = region_rows(indexed, scene.proposals, features, alpha)
    return Entry(replace(indexed, regions=len(rows)), rows)


def describe(file: File, found: State, image: UInt8Array) -> IndexedImage:
    """An image's row, but for the number of its regions.

    Args:
        file: where it is.
        found: the file's state before it was read.
        image: uint8 RGB (H, W, 3), what was read.
    """
    return IndexedImage(
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


def _not_yet(files: Sequence[File]) -> Generator[None, None, None]:
    """Nothing was looked at elsewhere."""
    yield from (None for _ in files)


def _write(
    collection: Collection,
    segmenter: Segmenter,
    looked: Sequence[tuple[File, Entry | InputError | None]],
    known: dict[str, IndexedImage],
) -> Iterator[Outcome]:
    entries, done, left = [], [], []
    for file, far in looked:
        try:
            entry, twin = _entry(collection, segmenter, file, far)
        except InputError as error:
            yield _failed(file, str(error))
            continue
        entries.append(entry)
        moved = twin is not None and twin.path != file.path and state(twin.path) is None
        left += [twin.path] if twin is not None and moved else []
        done.append(Outcome(file.path, _what(file, twin, moved, known)))
    collection.put(entries)
    if left:
        collection.remove(among("path", left))
    yield from done


def _entry(
    collection: Collection, segmenter: Segmenter, file: File, far: Entry | InputError | None
) -> tuple[Entry, IndexedImage | None]:
    """An image with its regions, and the one that it took them from, if any."""
    if isinstance(far, InputError):
        raise far
    if far is None:
        found = state(file.path) or State(0, 0)  # then reading tells what is wrong
        image = read_image(file.path)
        indexed = describe(file, found, image)
    else:
        indexed = far.image
    twins = collection.images(among("content", [indexed.content]))
    # Its own row first: a file that was merely touched; then those whose file is gone: moved.
    for twin in sorted(twins, key=lambda one: (one.path != file.path, state(one.path) is not None)):
        rows = collection.rows(twin.path)
        if len(rows) == twin.regions:
            own = replace(indexed, regions=len(rows))
            return Entry(own, relabelled(rows, own)), twin
    return far or look(segmenter, indexed, image, collection.marker.alpha), None


def _what(
    file: File, twin: IndexedImage | None, moved: bool, known: dict[str, IndexedImage]
) -> str:
    if twin is not None and twin.path == file.path:
        return KEPT
    if moved:
        return MOVED
    return CHANGED if file.path in known else ADDED


def _unchanged(file: File, known: IndexedImage | None) -> bool:
    return known is not None and state(file.path) == State(known.size, known.modified)


def _nameable(file: File) -> bool:
    """Whether a name can be written as UTF-8: file systems also hold names that cannot."""
    try:
        file.path.encode()
        file.given.encode()
    except UnicodeEncodeError:
        return False
    return True


def _failed(file: File, why: str) -> Outcome:
    return Outcome(file.path, FAILED, why)
