"""What tells one proposer's masks from another's."""

from __future__ import annotations

from typing import Any

from refmask.errors import ConfigurationError
from refmask.types import ConfiguredProposer, MaskProposer


def configuration_of(proposer: MaskProposer) -> dict[str, Any]:
    """What a proposer tells of itself.

    Raises:
        ConfigurationError: when it cannot.
    """
    if not isinstance(proposer, ConfiguredProposer):
        raise ConfigurationError(
            "expected a proposer that tells what its masks depend on, by configuration(), got "
            f"{type(proposer).__name__}; give it that method, or use it without a store"
        )
    return proposer.configuration()
