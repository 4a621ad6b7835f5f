"""Proposers that take their masks from a store."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from refmask.cache.masks import MaskCache
from refmask.errors import ConfigurationError, MaskError
from refmask.fingerprint import Fingerprint, of_proposer
from refmask.types import MaskProposals, MaskProposer, UInt8Array

#: Digits of a configuration's hash that messages show.
SHORT = 8


@dataclass(frozen=True)
class CachedProposer:
    """A proposer with a store behind it: what it proposes once is read ever after.

    Attributes:
        proposer: one that can tell its configuration.
        store: where its masks are kept.

    Raises:
        ConfigurationError: when the proposer cannot tell its configuration.
    """

    proposer: MaskProposer
    store: MaskCache

    def __post_init__(self) -> None:
        self._fingerprint  # noqa: B018  raises unless the proposer tells it

    @cached_property
    def _fingerprint(self) -> Fingerprint:
        """Asked for once: it may take reading the weights."""
        return of_proposer(self.proposer)

    def configuration(self) -> dict[str, Any]:
        """The proposer's: the same masks, wherever they come from."""
        return dict(self._fingerprint)

    def propose(self, image: UInt8Array) -> MaskProposals:
        """The kept masks of a uint8 RGB (H, W, 3) image, or the proposer's, which are kept.

        Raises:
            ConfigurationError: when they cannot be written.
            InputError: when the proposer refuses the image, or its masks cannot be kept.
        """
        found = self.store.get(self._fingerprint, image)
        if found is None:
            found = self.proposer.propose(image)
            self.store.put(self._fingerprint, image, found)
        return found


@dataclass(frozen=True)
class FromCache:
    """Proposes what is kept in a store, and nothing else.

    Attributes:
        store: where.
        kept: the configuration whose masks are taken.
    """

    store: MaskCache
    kept: Fingerprint

    def configuration(self) -> dict[str, Any]:
        """That of the proposer that made the masks."""
        return dict(self.kept)

    def propose(self, image: UInt8Array) -> MaskProposals:
        """The kept masks of a uint8 RGB (H, W, 3) image.

        Raises:
            MaskError: when there are none.
        """
        found = self.store.get(self.kept, image)
        if found is None:
            raise MaskError(
                f"expected masks of this {image.shape[1]}x{image.shape[0]} image by "
                f"'{self.kept.get('proposer')}' in the store {self.store.path}, found none; run "
                f"'refmask propose' on it with the same settings and --out {self.store.path}"
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
    store = MaskCache(path)
    named = {kept.sha256: kept for kept in store.configurations()}
    chosen = [kept for name, kept in named.items() if name.startswith(prefix)]
    if len(chosen) == 1:
        return FromCache(store, chosen[0])
    if not named:
        raise ConfigurationError(
            f"expected masks in the store {path}, it is empty; fill it with 'refmask propose "
            f"FOLDER --proposals NAME --out {path}'"
        )
    listed = "; ".join(
        f"#{name[:SHORT]} {_in_short(kept, list(named.values()))} ({store.images(kept)} images)"
        for name, kept in named.items()
    )
    raise ConfigurationError(
        f"expected one configuration in the store {path} to fit 'store:{place}', got "
        f"{len(chosen)} of {len(named)}; choose by hash, store:{path}#HASH: {listed}"
    )


def _in_short(kept: Fingerprint, others: list[Fingerprint]) -> str:
    """The proposer of a configuration, and the settings that tell it from others of its kind."""
    name = kept.get("proposer")
    kin = [other for other in others if other.get("proposer") == name]
    own = [
        f"{setting}={value}"
        for setting, value in kept.items()
        if any(other.get(setting) != value for other in kin)
    ]
    return " ".join([str(name), *own])
