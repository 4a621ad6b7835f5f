"""Check a data set: which files and splits are there, what is missing, and where to get it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from refmask.data import DATASETS, coco, load_dataset, locate, phrasecut
from refmask.data.files import read
from refmask.data.refer import SPLIT_BY
from refmask.data.refs import candidates, parse_refs
from refmask.data.scenes import SETS
from refmask.data.sources import Part, own_coco, parts
from refmask.errors import ConfigurationError, InputError


@dataclass(frozen=True)
class FoundPart:
    """A part of a data set and its path, None when it is missing."""

    part: Part
    path: Path | None


@dataclass(frozen=True)
class SplitState:
    """The state of a split.

    Attributes:
        split: its name.
        split_by: who split it, where known.
        images: number of images.
        queries: number of expressions.
        missing: image files that do not exist.
        fault: why it cannot be read, or None.
    """

    split: str
    split_by: str | None
    images: int = 0
    queries: int = 0
    missing: tuple[Path, ...] = ()
    fault: str | None = None


def find_parts(name: str, root: Path) -> list[FoundPart]:
    """Each part of a data set, found or not; for COCO, the parts of the layout in use."""
    unsplit = name == "coco" and coco.splits(root) == [coco.ALL]
    return [
        FoundPart(part, next((root / path for path in part.paths if (root / path).exists()), None))
        for part in (own_coco() if unsplit else parts(name))
    ]


def split_states(name: str, root: Path) -> list[SplitState]:
    """The state of each split whose annotations exist; warns where sizes are not as published."""
    return [_state(name, root, split_by, split) for split_by, split in _splits(name, root)]


def resolve(name: str, root: Path | None) -> tuple[str, Path]:
    """Name and root of a data set that is given by name or by folder.

    Raises:
        ConfigurationError: when there is no such data set or folder.
    """
    if name not in DATASETS:
        root, name = locate(name, root)
    root = SETS.get(name) if root is None else root
    if root is None:
        raise ConfigurationError(f"{name} is not shipped; give its folder as `root=DIR`")
    return name, root


def _splits(name: str, root: Path) -> list[tuple[str | None, str]]:
    """Who split it, and the split, for all whose annotations exist."""
    if name == "phrasecut":
        folders = (root / phrasecut.FOLDER, root)
        return [(None, s) for s in phrasecut.SPLITS if _first(folders, [f"refer_{s}.json"])]
    if name == "coco":
        return [(None, split) for split in coco.splits(root)]
    listed: dict[Path, list[tuple[str | None, str]]] = {}
    for split_by in SPLIT_BY.get(name, (name,)):
        path = _first((root / name,), candidates(split_by))
        if path is not None and path not in listed:
            listed[path] = [(split_by, split) for split in _splits_in(path)]
    return [pair for pairs in listed.values() for pair in pairs]


def _splits_in(path: Path) -> list[str]:
    """The splits in a file of refs; "all" when it cannot be read, so that loading says why."""
    try:
        return list(dict.fromkeys(ref.split for ref in parse_refs(read(path), path)))
    except InputError:
        return ["all"]


def _first(folders: tuple[Path, ...], files: list[str]) -> Path | None:
    """The first file that exists."""
    paths = (folder / file for folder in folders for file in files)
    return next((path for path in paths if path.is_file()), None)


def _state(name: str, root: Path, split_by: str | None, split: str) -> SplitState:
    try:
        dataset = load_dataset(name, split, root, split_by=split_by)
    except (InputError, ConfigurationError) as error:
        return SplitState(split, split_by, fault=str(error))
    absent = tuple(dataset.missing_images())
    return SplitState(split, split_by, len(dataset.ids), dataset.queries, absent)
