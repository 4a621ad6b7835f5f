"""What is too large to be read, in one table; everything that reads asks it before it allocates.

The environment variable ``REFMASK_LIMITS`` raises limits, or lowers them:
``REFMASK_LIMITS="pixels=200000000,unpacked=4GB"``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from refmask.errors import ConfigurationError, InputError, MaskError, RefmaskError

#: Raises or lowers limits.
VARIABLE = "REFMASK_LIMITS"
#: What features may take in a store, if nothing else is said.
STORE = "10GB"
#: Bytes by unit, in small letters.
UNITS = {
    **{"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12},
    **{"kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40},
}


@dataclass(frozen=True)
class Limit:
    """The most of one thing.

    Attributes:
        usual: the most, when nobody says otherwise.
        unit: "bytes" or what else is counted.
        about: what is limited.
    """

    usual: int
    unit: str
    about: str


#: All limits, by name.
LIMITS: Mapping[str, Limit] = MappingProxyType(
    {
        "pixels": Limit(50_000_000, "pixels", "an image, or one mask"),
        "masks": Limit(5_000, "masks", "one image"),
        "unpacked": Limit(768_000_000, "bytes", "masks or features of one file, in memory"),
        "phrases": Limit(20_000, "phrases", "what is asked about one image of a batch"),
        "rows": Limit(3_000_000, "rows", "a table, or values in one of its columns"),
        "file": Limit(1_000_000_000, "bytes", "a file of annotations, phrases, answers or rows"),
        "settings": Limit(10_000_000, "bytes", "a file of settings, of a model or a folder"),
        "tokenizer": Limit(64_000_000, "bytes", "a file of a tokenizer, unpacked"),
        "weights": Limit(20_000_000_000, "bytes", "a file of weights, in memory"),
    }
)


def limit(name: str) -> int:
    """The most of what ``LIMITS`` has under a name.

    Raises:
        ConfigurationError: when ``REFMASK_LIMITS`` cannot be understood.
    """
    return _stated().get(name, LIMITS[name].usual)


def check(name: str, amount: int, what: str, error: type[RefmaskError] = InputError) -> None:
    """Refuse what is too large.

    Args:
        name: of the limit.
        amount: how much there is, in the limit's unit.
        what: has that much, for the message.
        error: to be raised.

    Raises:
        RefmaskError: of that class, with the way to raise the limit.
    """
    most = limit(name)
    if amount > most:
        unit = LIMITS[name].unit
        raise error(
            f"{what} would take {amount} {unit}, at most {most} are read; make it smaller, or, if "
            f"you trust it, set {VARIABLE}={name}={amount}"
        )


def check_masks(shape: tuple[int, ...], what: str, error: type[RefmaskError] = MaskError) -> None:
    """Refuse masks from outside that are too many or too large, before they are made.

    Args:
        shape: N, H, W.
        what: has them, for the message.
        error: to be raised.

    Raises:
        RefmaskError: of that class.
    """
    count, height, width = shape
    check("pixels", height * width, f"one mask of {what}", error)
    check("masks", count, what, error)
    check("unpacked", count * height * width, what, error)


def parse_size(size: str | int) -> int:
    """Bytes: 500_000_000 for "500MB", "0.5 GB" or 500000000.

    Raises:
        ConfigurationError: when it is no such size.
    """
    match = re.fullmatch(r"\s*(\d{1,15}(?:\.\d{1,15})?)\s*([a-zA-Z]*)\s*", str(size))
    if match is None or match[2].lower() not in UNITS:
        raise ConfigurationError(
            f"expected a size such as 500MB, 10GB or 2GiB, got {size!r}; correct it"
        )
    return int(float(match[1]) * UNITS[match[2].lower()])


def _stated() -> dict[str, int]:
    """What the environment says."""
    found = {}
    for part in filter(None, map(str.strip, os.environ.get(VARIABLE, "").split(","))):
        name, _, size = part.partition("=")
        if name.strip() not in LIMITS:
            raise ConfigurationError(
                f"{VARIABLE} has {part!r}; expected one of {', '.join(LIMITS)}, '=' and a size"
            )
        found[name.strip()] = parse_size(size)
    return found
