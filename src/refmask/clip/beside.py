"""Files that a model's configuration names: in the model's own folder, or on a hub.

A hub is asked only where the user named one, or one of open_clip's own models.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path, PurePosixPath

from refmask.clip.sources import HUB, Source, fetch, from_hub
from refmask.errors import ModelError
from refmask.weights.hub import snapshot


def file_of(source: Source, named: str, what: str) -> Path:
    """A file that a configuration names by its path below the model's folder.

    Raises:
        ModelError: when it leads outside, or is not there.
        WeightsUnavailable: when it is on a hub and cannot be fetched.
    """
    if source.folder is None:
        raise ModelError(f"{source.name} comes without a folder, but names {what} {named} in one")
    path = inside(source.folder, named, what)
    if source.repository is not None and not path.is_file():
        return from_hub(HUB + source.repository, named)
    if not path.is_file():
        raise ModelError(f"expected {what} at {path}, there is no file; put it there")
    return path


def folder_of(source: Source, named: str, files: Sequence[str], what: str) -> Path:
    """The folder with what a configuration names as a repository of a hub's.

    Args:
        source: the model.
        named: ``ORG/REPO``; for a model in a folder also the path of a folder in it.
        files: that may be there; at least one is.
        what: it is, for messages.

    Raises:
        ModelError: when it leads outside the model's folder, or has none of the files.
        WeightsUnavailable: when it is on a hub and cannot be fetched.
    """
    if source.folder is None or source.repository is not None:
        folders = [fetch(f"{what} {named}", named, partial(snapshot, named, files))]
    else:
        folders = [inside(source.folder, named, what), source.folder]
    for folder in folders:
        if any((folder / file).is_file() for file in files):
            return folder
    raise ModelError(
        f"{source.name} needs {what} {named}, and {folders[-1]} has no {files[0]}; nothing is "
        "fetched for a model in a folder, put that repository's files there"
    )


def inside(folder: Path, named: str, what: str) -> Path:
    """A path below a folder; raises ModelError when it, or a link in it, leads outside."""
    parts = PurePosixPath(named.replace("\\", "/"))
    path = folder / parts
    roots = [folder]
    if folder.parent.name == "snapshots":  # of a hub's cache, whose files are links
        roots.append(folder.parent.parent / "blobs")
    try:
        found = path.resolve()
        within = any(found.is_relative_to(root.resolve()) for root in roots)
    except (OSError, RuntimeError, ValueError):  # a loop of links, or a name that cannot be
        within = False
    if parts.is_absolute() or ".." in parts.parts or not within:
        raise ModelError(f"{what} {named!r} lies outside {folder}; only files in it are read")
    return path
