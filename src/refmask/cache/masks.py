"""Masks on disk, and proposers that read them from there."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any

from refmask.cache import mask_coding
from refmask.cache.container import IMAGE, MASKS, open_store, pack, read_entry
from refmask.errors import ConfigurationError, MaskError, RefmaskError, RefmaskWarning
from refmask.fingerprint import Fingerprint, of_image, of_proposer
from refmask.ops.files import write_whole
from refmask.ops.reading import read_json
from refmask.types import MaskProposals, MaskProposer, UInt8Array

#: Describes the proposer of a folder's masks, for people to read.
CONFIGURATION = "configuration.json"
ENTRIES = f"[0-9a-f][0-9a-f]/*.{MASKS}"


class MaskCache:
    """Mask proposals on disk, by the image's content and the proposer's configuration.

    Any number of processes may read and write it at once, and be killed at any time.

    Args:
        path: the store's folder.
        create: make it when it is not there.

    Raises:
        ConfigurationError: when it is no store of this layout, or cannot be read or made.
    """

    def __init__(self, path: str | PathLike[str], create: bool = False) -> None:
        self.path = open_store(path, create)
        self._described: set[str] = set()

    def get(self, configuration: Mapping[str, Any], image: UInt8Array) -> MaskProposals | None:
        """The cached masks of an image; None when nothing is there, or nothing whole.

        A ``RefmaskWarning`` names a damaged file, which is otherwise as good as absent.

        Args:
            configuration: the proposer's.
            image: uint8 RGB (H, W, 3).

        Raises:
            ImageError: when the array is not a uint8 RGB image.
        """
        key = _key(configuration, image)
        height, width = image.shape[:2]
        return read_entry(
            self._file(key), MASKS, key, lambda arrays: mask_coding.decode(arrays, height, width)
        )

    def put(
        self, configuration: Mapping[str, Any], image: UInt8Array, proposals: MaskProposals
    ) -> None:
        """Write a proposer's masks of an image, in place of those that were there before.

        Args:
            configuration: the proposer's.
            image: uint8 RGB (H, W, 3).
            proposals: of that size; boxes, quality and details are written too, all exact.

        Raises:
            ConfigurationError: when the disk is full or closed to us; what was there before stays.
            ImageError: when the array is not a uint8 RGB image.
            MaskError: when the proposals are of another size, too many, or not of numbers.
        """
        key = _key(configuration, image)
        content = pack(MASKS, key, mask_coding.encode(proposals.checked_for(image)))
        self._describe(key["configuration"], configuration)
        write_whole(self._file(key), content)

    def configurations(self) -> list[Fingerprint]:
        """The configurations of all proposers whose masks are here, in the order of their hashes.

        A ``RefmaskWarning`` names a description that is missing or damaged; its configuration is
        left out until a proposer with it writes again.
        """
        found = []
        for folder in sorted(self.path.iterdir()):
            # A folder without entries may be one that is being made right now.
            if len(folder.name) != 64 or not any(folder.glob(ENTRIES)):
                continue
            described = _description(folder)
            if described is None:
                warnings.warn(
                    f"the description {folder / CONFIGURATION} is missing or damaged; use its "
                    "proposer with this store once more to have it written again",
                    RefmaskWarning,
                    stacklevel=2,
                )
            else:
                found.append(described)
        return found

    def images(self, configuration: Mapping[str, Any]) -> int:
        """For how many images masks of a configuration are here, whole or damaged."""
        return sum(1 for _ in (self.path / Fingerprint(configuration).sha256).glob(ENTRIES))

    def _file(self, key: Mapping[str, str]) -> Path:
        image = key[IMAGE]
        return self.path / key["configuration"] / image[:2] / f"{image}.{MASKS}"

    def _describe(self, name: str, configuration: Mapping[str, Any]) -> None:
        """Write a configuration for people to read, unless it stands there already."""
        if name not in self._described:
            folder = self.path / name
            if _description(folder) is None:
                text = json.dumps(dict(configuration), indent=2, sort_keys=True)
                write_whole(folder / CONFIGURATION, text.encode() + b"\n")
            self._described.add(name)


@dataclass(frozen=True)
class CachedProposer:
    """A proposer whose masks are computed once.

    Attributes:
        proposer: computes what is not there; it must have a ``configuration()``.
        cache: where its masks are.

    Raises:
        ConfigurationError: when the proposer has no configuration.
    """

    proposer: MaskProposer
    cache: MaskCache

    def __post_init__(self) -> None:
        self._settings  # noqa: B018  raises unless the proposer has a configuration

    @cached_property
    def _settings(self) -> Fingerprint:
        """Computed once: it may take reading the weights."""
        return of_proposer(self.proposer)

    def configuration(self) -> dict[str, Any]:
        """The proposer's: the same masks, wherever they come from."""
        return dict(self._settings)

    def propose(self, image: UInt8Array) -> MaskProposals:
        """The cached masks of a uint8 RGB (H, W, 3) image, else the proposer's, which are written.

        Raises:
            ConfigurationError: when they cannot be written.
            InputError: when the proposer refuses the image, or its masks cannot be written.
        """
        found = self.cache.get(self._settings, image)
        if found is None:
            found = self.proposer.propose(image)
            self.cache.put(self._settings, image, found)
        return found


@dataclass(frozen=True)
class FromCache:
    """Proposes what a store holds, and nothing else.

    Attributes:
        cache: where the masks are.
        settings: the configuration whose masks are read.
    """

    cache: MaskCache
    settings: Fingerprint

    def configuration(self) -> dict[str, Any]:
        """That of the proposer that made the masks."""
        return dict(self.settings)

    def propose(self, image: UInt8Array) -> MaskProposals:
        """The cached masks of a uint8 RGB (H, W, 3) image.

        Raises:
            MaskError: when there are none.
        """
        found = self.cache.get(self.settings, image)
        if found is None:
            name = self.settings.get("proposer")
            raise MaskError(
                f"the store {self.cache.path} holds no masks by '{name}' of this "
                f"{image.shape[1]}x{image.shape[0]} image; propose them with the same settings and "
                f"`store={self.cache.path}`"
            )
        return found


def from_store(place: str) -> FromCache:
    """The proposer that ``store:PLACE`` names.

    Args:
        place: the store's folder; ``#`` and the first digits of a configuration's hash after it
            choose among several.

    Raises:
        ConfigurationError: when there is no store, or not exactly one such configuration in it.
    """
    path, mark, prefix = place.rpartition("#")
    if not mark or not re.fullmatch("[0-9a-f]+", prefix) or Path(place).exists():
        path, prefix = place, ""
    cache = MaskCache(path)
    every = cache.configurations()
    chosen = [settings for settings in every if settings.sha256.startswith(prefix)]
    if len(chosen) == 1:
        return FromCache(cache, chosen[0])
    if not every:
        raise ConfigurationError(
            f"the store {path} holds no masks; propose some with `store={path}` first"
        )
    listed = "; ".join(
        f"#{settings.short} {_in_short(settings, every)} ({cache.images(settings)} images)"
        for settings in every
    )
    raise ConfigurationError(
        f"{len(chosen)} of {len(every)} proposers in the store {path} fit 'store:{place}'; choose "
        f"one by its hash, store:{path}#HASH: {listed}"
    )


def _in_short(settings: Fingerprint, others: list[Fingerprint]) -> str:
    """The proposer of a configuration, and the settings that distinguish it from its kind."""
    name = settings.get("proposer")
    kin = [other for other in others if other.get("proposer") == name]
    own = [
        f"{setting}={value}"
        for setting, value in settings.items()
        if any(other.get(setting) != value for other in kin)
    ]
    return " ".join([str(name), *own])


def _description(folder: Path) -> Fingerprint | None:
    """The configuration of a store's folder; None unless it is the one the folder is named by."""
    try:
        file = folder / CONFIGURATION
        configuration = Fingerprint(read_json(file, "a configuration", most="settings"))
    except (RefmaskError, TypeError, ValueError):
        return None
    return configuration if configuration.sha256 == folder.name else None


def _key(configuration: Mapping[str, Any], image: UInt8Array) -> dict[str, str]:
    """What masks belong to: both hashes."""
    return {"configuration": Fingerprint(configuration).sha256, IMAGE: of_image(image)}
