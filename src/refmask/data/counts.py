"""How much a split holds, against what was published."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

from refmask.errors import RefmaskWarning


def compare(what: str, found: Mapping[str, int], published: Mapping[str, int]) -> None:
    """Warn when a split does not hold as much as was published.

    Args:
        what: the split, for the message.
        found: number of things by name.
        published: the same, as far as it is known.
    """
    wrong = [
        f"{count} {name}, got {found[name]}"
        for name, count in published.items()
        if found[name] != count
    ]
    if wrong:
        warnings.warn(
            f"expected {what} to hold {'; '.join(wrong)}; its figures do not compare with "
            "published ones",
            RefmaskWarning,
            stacklevel=3,
        )
