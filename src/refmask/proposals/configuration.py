"""What tells one proposer's masks from another's."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
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


def configuration_hash(configuration: Mapping[str, Any]) -> str:
    """SHA-256 of a configuration, in hexadecimal; the order of its settings does not matter.

    Raises:
        ConfigurationError: when it holds more than JSON's plain values, or no setting at all.
    """
    plain = isinstance(configuration, Mapping) and all(
        isinstance(name, str) and isinstance(value, str | int | float | bool | None)
        for name, value in configuration.items()
    )
    if not plain or not configuration:
        raise ConfigurationError(
            "expected a configuration of texts, numbers, true, false and null by name, got "
            f"{configuration!r}; make the proposer's configuration() give such"
        )
    text = json.dumps(dict(configuration), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
