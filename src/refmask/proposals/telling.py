"""What an answer tells of the proposer: one line, whatever it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from refmask.proposals.given import GivenMasks
from refmask.proposals.refine import Refined
from refmask.provenance import spelled
from refmask.types import ConfiguredProposer, MaskProposer


def proposer_told(proposer: MaskProposer) -> str:
    """A proposer with its settings, as ``Provenance.proposals`` has them.

    One that cannot tell its configuration is told by its class.
    """
    return spelled(*_told(proposer))


def configuration_told(configuration: Mapping[str, Any]) -> str:
    """As ``proposer_told``, from what a proposer's ``configuration`` gave."""
    return spelled(*_named(configuration))


def _told(proposer: MaskProposer) -> tuple[str, Mapping[str, Any]]:
    """A name, and settings."""
    if isinstance(proposer, Refined):
        name, settings = _told(proposer.proposer)
        return name, {**settings, **proposer.refinement.told()}
    if isinstance(proposer, GivenMasks):
        return f"masks:{proposer.path}", {}
    if isinstance(proposer, ConfiguredProposer):
        return _named(proposer.configuration())
    return type(proposer).__name__, {}


def _named(configuration: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    settings = dict(configuration)
    return str(settings.pop("proposer", "unnamed")), settings
