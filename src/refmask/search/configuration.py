"""What the rows of an index depend on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from refmask.errors import ConfigurationError
from refmask.methods.base import Method
from refmask.methods.class_posterior import ClassPosterior
from refmask.methods.global_local import GlobalLocal
from refmask.methods.keeping import kept_model
from refmask.methods.shortlist import Shortlist
from refmask.proposals.configuration import configuration_of
from refmask.proposals.telling import configuration_told
from refmask.search.folder import differences
from refmask.types import ConfiguredProposer, FloatArray, MaskProposals, MaskProposer

#: How the names of what masks depend on begin.
PROPOSER = "proposer."


def searchable(method: Method) -> GlobalLocal | ClassPosterior:
    """The method itself, when its scores compare one vector per mask and phrase.

    Class posteriors are computed for all masks, in context and alone, whatever their ``local_top``,
    and searched without the priors on extent.

    Raises:
        ConfigurationError: when they are not.
    """
    if isinstance(method, ClassPosterior):
        return replace(method, local_top=None)
    if not isinstance(method, GlobalLocal) or isinstance(method, Shortlist):
        raise ConfigurationError(
            "expected a method that describes each mask by itself, once and for all, got "
            f"{type(method).__name__}; use global-local, cropping or global, without local_top"
        )
    if not method.compat.cosine:
        raise ConfigurationError(
            "expected scores that are cosines, but the released code's ResNet compares by a plain "
            "product; leave --compat reference out, or use a vision transformer"
        )
    return method


def of_features(method: GlobalLocal | ClassPosterior) -> dict[str, Any]:
    """What features of masks depend on; nothing is computed, but the weights' file is read.

    Raises:
        ConfigurationError: when the model's weights are no file.
    """
    told = kept_model(method.encoder)

    def note(
        part: str,
        settings: Mapping[str, Any],
        shape: tuple[int | None, ...],
        compute: Callable[[], FloatArray],  # noqa: ARG001  the settings are all that is wanted
    ) -> FloatArray:
        told.update({f"{part}.{name}": value for name, value in settings.items()})
        return np.zeros([side or 1 for side in shape], np.float32)

    pixel = np.zeros((1, 1, 3), np.uint8)
    method.observe(pixel, MaskProposals(np.ones((1, 1, 1), np.bool_)), note)
    return told


def of_masks(proposer: MaskProposer) -> dict[str, Any]:
    """What masks depend on, each name after ``PROPOSER``.

    Raises:
        ConfigurationError: when the proposer cannot tell.
    """
    if not isinstance(proposer, ConfiguredProposer):
        raise ConfigurationError(
            "expected a proposer that tells what its masks depend on, by configuration(), got "
            f"{type(proposer).__name__}; put the masks into a store, and use store:PATH"
        )
    return {PROPOSER + name: value for name, value in configuration_of(proposer).items()}


def masks_told(configuration: Mapping[str, Any]) -> str:
    """What proposed the masks of an index with such a configuration, on one line."""
    own = {
        name.removeprefix(PROPOSER): value
        for name, value in configuration.items()
        if name.startswith(PROPOSER)
    }
    return configuration_told(own)


def check(place: object, there: Mapping[str, Any], here: Mapping[str, Any], masks: bool) -> None:
    """Refuse a system whose rows would not be those of an index.

    Args:
        place: the index, for the message.
        there: its configuration.
        here: the system's.
        masks: compare what masks depend on; else what features depend on.

    Raises:
        ConfigurationError: naming the differences.
    """
    own = {name: value for name, value in there.items() if name.startswith(PROPOSER) == masks}
    differ = differences(own, here)
    if differ:
        made = "masks" if masks else f"features by {there.get('model')}"
        raise ConfigurationError(
            f"the index {place} holds {made} with {'; '.join(differ)}; use the model, proposals "
            "and settings that it was made with, or another index"
        )
