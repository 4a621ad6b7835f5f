"""What of a data set is there, what is missing, and where it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from refmask.data import DATASETS, coco, load_dataset, locate, phrasecut
from refmask.data.files import read
from refmask.data.refer import SPLIT_BY
from refmask.data.refs import candidates, parse_refs
from refmask.data.sources import Part, own_coco, parts
from refmask.errors import ConfigurationError, InputError


@dataclass(frozen=True)
class Presence:
    """A part of a data set and where it is, or None when it is missing."""

    part: Part
    path: Path | None


@dataclass(frozen=True)
class SplitState:
    """How much of a split is there.

    Attributes:
        split: its name.
        split_by: who split it, where that is told.
        images: how many it has.
        queries: how many expressions it has.
        missing: files of images that are not there.
        fault: why it cannot be read, or None.
    """

    split: str
    split_by: str | None
    images: int = 0
    queries: int = 0
    missing: tuple[Path, ...] = ()
    fault: str | None = None


def presence(name: str, root: Path) -> list[Presence]:
    """Each part of a data set, found or not; of COCO's two layouts, that which is there."""
    unsplit = name == "coco" and coco.splits(root) == [coco.ALL]
    listed = []
    for part in own_coco() if unsplit else parts(name):
        found = (root / path for path in part.paths if (root / path).exists())
        listed.append(Presence(part, next(found, None)))
    return listed


def split_states(name: str, root: Path) -> list[SplitState]:
    """Each split whose annotations are there, counted, with the images that are missing.

    Splits that do not hold as much as was published are warned of.
    """
    return [_state(name, root, split_by, split) for split_by, split in _splits(name, root)]


def place(name: str, root: Path | None) -> tuple[str, Path]:
    """The name and the root of a data set that is asked for by name or by folder.

    Raises:
        ConfigurationError: when there is no such data set or folder.
    """
    if name not in DATASETS:
        root, name = locate(name, root)
    if root is None and name == "scenes":
        from refmask.data.scenes import SHIPPED

        root = SHIPPED
    if root is None:
        raise ConfigurationError(f"expected the folder of {name} as `root=DIR`, got none; name it")
    return name, root


def _splits(name: str, root: Path) -> list[tuple[str | None, str]]:
    """Who split it, and the split, of all that have their annotations there."""
    if name == "phrasecut":
        folders = (root / phrasecut.FOLDER, root)
        there = [split for split in phrasecut.SPLITS if _any(folders, [f"refer_{split}.json"])]
        return [(None, split) for split in there]
    if name == "coco":
        return [(None, split) for split in coco.splits(root)]
    listed: dict[Path, list[tuple[str | None, str]]] = {}
    for split_by in SPLIT_BY.get(name, (name,)):
        path = _any((root / name,), candidates(split_by))
        if path is not None and path not in listed:
            listed[path] = [(split_by, split) for split in _named(path)]
    return [pair for pairs in listed.values() for pair in pairs]


def _named(path: Path) -> list[str]:
    """The splits that a file of refs names; all of it when it cannot be read, to be told why."""
    try:
        return list(dict.fromkeys(ref.split for ref in parse_refs(read(path), path)))
    except InputError:
        return ["all"]


def _any(folders: tuple[Path, ...], files: list[str]) -> Path | None:
    paths = (folder / file for folder in folders for file in files)
    return next((path for path in paths if path.is_file()), None)


def _state(name: str, root: Path, split_by: str | None, split: str) -> SplitState:
    try:
        dataset = load_dataset(name, split, root, split_by=split_by)
    except (InputError, ConfigurationError) as error:
        return SplitState(split, split_by, fault=str(error))
    absent = tuple(dataset.missing_images())
    return SplitState(split, split_by, len(dataset.ids), dataset.queries, absent)
