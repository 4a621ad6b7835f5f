"""The masks in a store."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from refmask.cache import mask_record
from refmask.cache.container import MASKS
from refmask.cache.folder import open_store, read_entry
from refmask.errors import RefmaskError, RefmaskWarning
from refmask.fingerprint import Fingerprint, of_image
from refmask.ops.files import write_whole
from refmask.ops.reading import read_json
from refmask.types import MaskProposals, UInt8Array

CONFIGURATION = "configuration.json"
ENTRIES = f"[0-9a-f][0-9a-f]/*.{MASKS}"


class MaskCache:
    """Mask proposals kept by the image's content and the proposer's configuration.

    Any number of processes may read and write it at once, and be killed at any time.

    Args:
        path: the folder.
        create: make it when it is not there.

    Raises:
        ConfigurationError: when it is no store of this format, or cannot be read or made.
    """

    def __init__(self, path: str | PathLike[str], create: bool = False) -> None:
        self.path = open_store(path, create)
        self._described: set[str] = set()

    def get(self, configuration: Mapping[str, Any], image: UInt8Array) -> MaskProposals | None:
        """What was kept for an image; None when nothing is there, or nothing whole.

        A damaged entry is told by a ``RefmaskWarning`` and otherwise as good as absent.

        Args:
            configuration: the proposer's.
            image: uint8 RGB (H, W, 3).

        Raises:
            ImageError: when the array is not a uint8 RGB image.
        """
        owner = _owner(configuration, image)
        size = image.shape[0], image.shape[1]
        return read_entry(
            self._file(owner), MASKS, lambda content: mask_record.read(content, owner, *size)
        )

    def put(
        self, configuration: Mapping[str, Any], image: UInt8Array, proposals: MaskProposals
    ) -> None:
        """Keep a proposer's masks of an image, in place of what was kept for it before.

        Args:
            configuration: the proposer's.
            image: uint8 RGB (H, W, 3).
            proposals: of that size; boxes, quality and details are kept too, all exact.

        Raises:
            ConfigurationError: when the disk is full or closed to us; what was kept before stays.
            ImageError: when the array is not a uint8 RGB image.
            MaskError: when the proposals are of another size, or cannot be kept.
        """
        owner = _owner(configuration, image)
        content = mask_record.write(proposals.checked_for(image), owner)
        self._describe(owner["configuration"], configuration)
        write_whole(self._file(owner), content)

    def configurations(self) -> list[Fingerprint]:
        """The configurations of all proposers whose masks are here, in the order of their hashes.

        One whose description is missing or damaged is told by a ``RefmaskWarning`` and left out,
        until a proposer with this configuration writes again.
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

    def _file(self, owner: Mapping[str, str]) -> Path:
        image = owner["picture"]
        return self.path / owner["configuration"] / image[:2] / f"{image}.{MASKS}"

    def _describe(self, name: str, configuration: Mapping[str, Any]) -> None:
        """Write a configuration for people to read, unless it stands there already."""
        if name not in self._described:
            folder = self.path / name
            if _description(folder) is None:
                text = json.dumps(dict(configuration), indent=2, sort_keys=True)
                write_whole(folder / CONFIGURATION, text.encode() + b"\n")
            self._described.add(name)


def _description(folder: Path) -> Fingerprint | None:
    """The configuration of a store's folder; None unless it is the one the folder is named by."""
    try:
        file = folder / CONFIGURATION
        configuration = Fingerprint(read_json(file, "a configuration", most="settings"))
    except (RefmaskError, TypeError, ValueError):
        return None
    return configuration if configuration.sha256 == folder.name else None


def _owner(configuration: Mapping[str, Any], image: UInt8Array) -> dict[str, str]:
    """Whose masks an entry holds: both of its hashes."""
    return {
        "configuration": Fingerprint(configuration).sha256,
        "picture": of_image(image),
    }
