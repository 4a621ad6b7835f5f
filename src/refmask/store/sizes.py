"""Sizes of files as people write them."""

from __future__ import annotations

import re

from refmask.errors import ConfigurationError

#: What features may take in a store, if nothing else is said.
LIMIT = "10GB"
#: Bytes by unit, in small letters.
UNITS = {
    **{"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12},
    **{"kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40},
}


def parse_size(size: str | int) -> int:
    """Bytes: 500_000_000 for "500MB", "0.5 GB" or 500000000.

    Raises:
        ConfigurationError: when it is no such size.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]*)\s*", str(size))
    if match is None or match[2].lower() not in UNITS:
        raise ConfigurationError(
            f"expected a size such as 500MB, 10GB or 2GiB, got {size!r}; correct it"
        )
    return int(float(match[1]) * UNITS[match[2].lower()])
