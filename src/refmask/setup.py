"""Set refmask up: fetch or copy recommended weights, try them, and remember them.

Nothing is remembered that did not load, and nothing is fetched that could not be remembered.
"""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from huggingface_hub import constants

from refmask.clip import load_clip
from refmask.errors import ConfigurationError, ModelError, WeightsError, WeightsUnavailable
from refmask.proposals import load_proposer
from refmask.settings import file
from refmask.settings.remembered import Remembered, RememberedFile
from refmask.weights import hub
from refmask.weights.catalogue import PUBLISHED
from refmask.weights.downloading import FULL, no_room
from refmask.weights.hashing import sha256_of
from refmask.weights.hub import brought, folder
from refmask.weights.recommended import RECOMMENDED, STANDARD, Kit, Part, title

#: Sides, in pixels, of the blank image on which a proposer is tried.
SIDE = 64

#: Seconds to wait for the hub before saying what to do without it.
PATIENCE = 5

Say = Callable[[str], object]


def set_up(kit: Kit, say: Say = print, *, source: Path | None = None) -> Remembered:
    """Fetch or copy what is recommended, and use it from now on where nothing else is named.

    Args:
        kit: what is recommended.
        say: is called with lines for the user: what will be fetched, its licences, and progress.
        source: a folder with the files, in it or in folders named as the repositories; None
            fetches them.

    Returns:
        What is remembered now.

    Raises:
        ConfigurationError: when the configuration file cannot be used or written, before anything
            is fetched; when ``source`` is no folder, or files are missing in it.
        WeightsUnavailable: when the hub does not answer (``say`` names the files to bring), or
            there is no room.
        WeightsError: when a file is damaged, or not what it should be.
    """
    before = file.read()
    file.check()
    weights = _fetched(kit, say) if source is None else _brought(kit, source, say)
    made = _remembered(kit, [path.absolute() for path in weights])
    place = file.write(dataclasses.replace(before, asked=True, remembered=made))
    say(f"{made.title}: used from now on, as {place} says")
    return made


def _fetched(kit: Kit, say: Say) -> list[Path]:
    """The parts' weights files in the hub's cache."""
    for part in kit.parts:
        say(_described(part, "is in the cache" if hub.ready(part.name) else "will be fetched"))
    absent = [part for part in kit.parts if hub.ready(part.name) is None]
    if absent:
        _check_room(absent, Path(constants.HF_HUB_CACHE), "HF_HOME")
        say(f"asking {constants.ENDPOINT}, for at most {PATIENCE} s")
        if not hub.answers(PUBLISHED[absent[0].name].repository, PATIENCE):
            say(f"on a machine where it answers, download {_files(kit)}")
            quality = next((name for name, one in RECOMMENDED.items() if one == kit), STANDARD)
            raise WeightsUnavailable(
                "the Hugging Face hub does not answer; put the files listed above into one folder "
                f"here, and run 'refmask setup photos' with `quality={quality}` `source=FOLDER`"
            )
    found = []
    for part in kit.parts:
        found.append(_verified(part, hub.fetch(part.name)))
        try:
            _try(kit, part, found[-1], say)
        except WeightsError:
            hub.discard(part.name)  # or it would be taken for something that works
            raise
    return found


def _described(part: Part, where: str) -> str:
    model = PUBLISHED[part.name]
    place = f"{constants.ENDPOINT}/{model.repository}"
    return f"{part.title}: {model.megabytes} MB, {model.licence}, {place}, {where}"


def _files(kit: Kit) -> str:
    """The files that a kit needs, and where they are published."""
    return "; ".join(
        f"{' and '.join(PUBLISHED[part.name].files)} of "
        f"{constants.ENDPOINT}/{PUBLISHED[part.name].repository}"
        for part in kit.parts
    )


def _verified(part: Part, path: Path) -> Path:
    """A file in the cache, fetched anew if it is not what it should be."""
    stated = hub.stated_sha256(PUBLISHED[part.name], path)
    if stated is None or sha256_of(path) == stated:
        return path
    hub.discard(part.name)
    return hub.fetch(part.name)


def _brought(kit: Kit, source: Path, say: Say) -> list[Path]:
    """The parts' weights files in the user's data folder, where they are copied to."""
    if not source.is_dir():
        fault = "is no folder" if source.exists() else "is not there"
        raise ConfigurationError(f"{source} {fault}; name the folder that holds the files")
    found = {part: _found(part, source) for part in kit.parts}
    new = [part for part in kit.parts if brought(PUBLISHED[part.name]) is None]
    _check_room(new, folder(), "XDG_DATA_HOME")
    for part, files in found.items():
        if PUBLISHED[part.name].sha256 is None:
            say(f"{files[0]}: taken for {part.title}; not checked, since that needs a network")
        _try(kit, part, files[0], say)
    weights = []
    for part, files in found.items():
        target = folder() / PUBLISHED[part.name].repository
        say(f"copying {part.title} to {target}")
        copies = [_copied(path, target / path.name) for path in files]
        weights.append(copies[0])
    return weights


def _found(part: Part, source: Path) -> list[Path]:
    """A part's files in a folder, the weights first."""
    model = PUBLISHED[part.name]
    places = (source / model.repository.partition("/")[2], source / model.repository, source)
    folder = next((place for place in places if (place / model.files[0]).is_file()), source)
    absent = [name for name in model.needed if not (folder / name).is_file()]
    if absent:
        raise ConfigurationError(
            f"no {' and no '.join(absent)} of {part.title} in {source}; bring what is missing from "
            f"{constants.ENDPOINT}/{model.repository}"
        )
    weights = folder / model.files[0]
    if not hub.is_whole(weights) or (model.sha256 and sha256_of(weights) != model.sha256):
        raise WeightsError(
            f"{weights} is damaged or only a part of {part.title}; download it again"
        )
    return [folder / name for name in model.files if (folder / name).is_file()]


def _copied(path: Path, target: Path) -> Path:
    """A copy of a file, whole or not there."""
    if target.exists() and target.samefile(path):
        return target
    part = target.with_name(f"{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, part)
        part.replace(target)
    except OSError as error:
        part.unlink(missing_ok=True)
        if error.errno in FULL:
            size = path.stat().st_size
            raise no_room(path.name, size, target.parent, "XDG_DATA_HOME") from None
        raise WeightsUnavailable(
            f"cannot copy {path} to {target}: {error.strerror}; make that folder writable"
        ) from None
    return target


def _check_room(parts: Sequence[Part], folder: Path, variable: str) -> None:
    """Raise WeightsUnavailable when parts do not fit on the disk of a folder.

    ``variable`` names another.
    """
    there = next(place for place in (folder, *folder.parents) if place.exists())
    size = sum(PUBLISHED[part.name].megabytes for part in parts) * 1_000_000
    if shutil.disk_usage(there).free < size:
        raise no_room(" and ".join(part.title for part in parts), size, folder, variable)


def _try(kit: Kit, part: Part, weights: Path, say: Say) -> None:
    """Load a part, and have a SAM 2 propose masks for a blank image.

    Raises:
        WeightsError: when it does not work.
        MissingResource: when the library is too old for it.
    """
    say(f"trying {part.title}")
    try:
        if part is kit.clip:
            load_clip(kit.model, str(weights), device="cpu")
        else:
            load_proposer(kit.proposals(weights)).propose(np.zeros((SIDE, SIDE, 3), np.uint8))
    except ModelError as error:
        raise WeightsError(f"nothing was remembered: {error}") from None


def _remembered(kit: Kit, weights: Sequence[Path]) -> Remembered:
    """What to remember of parts that were tried."""
    files = [
        RememberedFile.of(path.parent / name)
        for part, path in zip(kit.parts, weights, strict=True)
        for name in PUBLISHED[part.name].needed
    ]
    clip, masks = weights
    return Remembered(title(kit.parts), kit.model, str(clip), kit.proposals(masks), tuple(files))
