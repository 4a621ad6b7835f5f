"""What entries of a store are found by: hashes of contents and of settings."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from refmask.errors import ConfigurationError
from refmask.ops.images import checked
from refmask.types import MaskProposals, UInt8Array


def picture_hash(image: UInt8Array) -> str:
    """SHA-256 of a picture's size and pixels, in hexadecimal, whatever its file is called.

    Args:
        image: uint8 RGB (H, W, 3).

    Raises:
        ImageError: when the array is not a uint8 RGB picture.
    """
    height, width = checked(image).shape[:2]
    found = hashlib.sha256(f"{height} {width} ".encode())
    found.update(np.ascontiguousarray(image).data)
    return found.hexdigest()


def proposals_hash(proposals: MaskProposals) -> str:
    """SHA-256 of masks and boxes in their order, in hexadecimal; quality and details do not count.

    Args:
        proposals: N masks.
    """
    found = hashlib.sha256(f"{proposals.masks.shape} ".encode())
    for mask in proposals.masks:
        found.update(np.packbits(mask).data)
    found.update(np.ascontiguousarray(proposals.boxes).data)
    return found.hexdigest()


def settings_hash(settings: Mapping[str, Any]) -> str:
    """SHA-256 of what JSON can hold, in hexadecimal; the order of names does not matter."""
    text = json.dumps(dict(settings), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def configuration_hash(configuration: Mapping[str, Any]) -> str:
    """As ``settings_hash``, of a proposer's configuration.

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
    return settings_hash(configuration)
