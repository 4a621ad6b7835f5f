"""Mask proposers: class-agnostic masks of an image.

To add one: one file or folder beside this one with a frozen dataclass whose fields are its
settings, and one line in ``PROPOSERS``.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from refmask.errors import ConfigurationError
from refmask.types import MaskProposer

#: Proposers by name: module and class.
PROPOSERS = {
    "freemask": ("refmask.proposals.freemask", "FreeMask"),
    "freesolo": ("refmask.proposals.freesolo", "FreeSolo"),
    "grouping": ("refmask.proposals.grouping", "Grouping"),
    "maskcut": ("refmask.proposals.maskcut", "MaskCut"),
    "photo": ("refmask.proposals.photo", "Photo"),
    "sam": ("refmask.proposals.sam", "Sam"),
    "sam2": ("refmask.proposals.sam", "Sam2"),
}

#: Loads ``store:PATH``, cached proposals.
STORE = ("refmask.cache.masks", "from_store")
#: Specifications beside names, for messages.
FORMS = "masks:PATH, store:PATH"


def load_proposer(
    spec: str,
    stem: str | None = None,
    *,
    settings: Mapping[str, Any] | None = None,
    defaults: Mapping[str, Any] | None = None,
) -> MaskProposer:
    """The proposer that a specification names.

    Args:
        spec: a name in ``PROPOSERS``, alone or with settings (``NAME:key=value,key=value``), or
            ``masks:PATH`` for given masks: a folder of PNGs, an ``.npz`` file or a COCO ``.json``
            file. ``{stem}`` in PATH stands for the image's file name without its extension. Or
            ``store:PATH`` for masks in a store, ``store:PATH#HASH`` for those of one of several
            configurations there, by the first digits of its hash.
        stem: the image's, where known.
        settings: further settings of the proposer; they override those in ``spec``.
        defaults: settings for proposers that have them; all others override them.

    Raises:
        ConfigurationError: for an unknown name or setting, or ``{stem}`` without a stem.
        MaskError: when the given masks cannot be read.
        WeightsUnavailable: when the proposer's weights are neither on disk nor downloadable.
    """
    from refmask.proposals.settings import build, parse

    name, _, rest = spec.partition(":")
    if name == "masks" and rest:
        return _given(spec, rest, stem)
    if name == "store" and rest:
        module, function = STORE
        proposer: MaskProposer = getattr(importlib.import_module(module), function)(rest)
        return proposer
    if name not in PROPOSERS:
        known = ", ".join([*PROPOSERS, FORMS])
        raise ConfigurationError(f"unknown proposals '{spec}'; choose one of: {known}")
    return build(name, *PROPOSERS[name], parse(spec, rest) | dict(settings or {}), defaults or {})


def shared(device: str, precision: str, uncapped: bool) -> dict[str, Any]:
    """Settings that a system shares with its proposer, for ``defaults``.

    Args:
        device: "auto" leaves the choice to the proposer.
        precision: "auto" leaves the choice to the proposer.
        uncapped: ``compat.Compat.uncapped_proposals``.
    """
    settings = {"device": device, "precision": precision, "uncapped": uncapped}
    return {name: value for name, value in settings.items() if value != "auto"}


def _given(spec: str, path: str, stem: str | None) -> MaskProposer:
    from refmask.proposals.given import GivenMasks

    if "{stem}" in path and stem is None:
        raise ConfigurationError(
            f"proposals '{spec}' need the image's name for {{stem}}, but it has none; "
            "give the path without {stem}"
        )
    return GivenMasks(path.replace("{stem}", stem or ""), stem)
