"""Limits on the size of inputs, in one table; every reader checks them before it allocates.

The environment variable ``REFMASK_LIMITS`` raises or lowers them:
``REFMASK_LIMITS="pixels=200000000,unpacked=4GB"``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from refmask.errors import ConfigurationError, InputError, MaskError, RefmaskError

#: The environment variable.
VARIABLE = "REFMASK_LIMITS"
#: Default size of a feature store.
STORE = "10GB"
#: Bytes by unit, in lower case.
UNITS = {
    **{"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12},
    **{"kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40},
}


@dataclass(frozen=True)
class Limit:
    """The largest accepted amount of something.

    Attributes:
        usual: the default.
        unit: "bytes" or another unit.
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
        "phrases": Limit(20_000, "phrases", "one image of a batch"),
        "rows": Limit(3_000_000, "rows", "a table, or values in one of its columns"),
        "file": Limit(1_000_000_000, "bytes", "a file of annotations, phrases, answers or rows"),
        "settings": Limit(10_000_000, "bytes", "a file of settings, of a model or a folder"),
        "tokenizer": Limit(64_000_000, "bytes", "a file of a tokenizer, unpacked"),
        "weights": Limit(20_000_000_000, "bytes", "a file of weights, in memory"),
    }
)


def limit(name: str) -> int:
    """A limit by its name in ``LIMITS``, as the environment overrides it.

    Raises:
        ConfigurationError: when ``REFMASK_LIMITS`` cannot be parsed.
    """
    return _overrides().get(name, LIMITS[name].usual)


def check(name: str, amount: int, what: str, error: type[RefmaskError] = InputError) -> None:
    """Refuse an input that exceeds a limit.

    Args:
        name: the limit's.
        amount: the input's size, in the limit's unit.
        what: the input, for the message.
        error: class to raise.

    Raises:
        RefmaskError: of that class; its message says how to raise the limit.
    """
    most = limit(name)
    if amount > most:
        unit = LIMITS[name].unit
        raise error(
            f"{what} would take {amount} {unit}, at most {most} are read; make it smaller, or, if "
            f"you trust it, set {VARIABLE}={name}={amount}"
        )


def check_masks(shape: tuple[int, ...], what: str, error: type[RefmaskError] = MaskError) -> None:
    """Refuse too many or too large masks before they are allocated.

    Args:
        shape: N, H, W.
        what: their source, for the message.
        error: class to raise.

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
        ConfigurationError: for anything else.
    """
    match = re.fullmatch(r"\s*(\d{1,15}(?:\.\d{1,15})?)\s*([a-zA-Z]*)\s*", str(size))
    if match is None or match[2].lower() not in UNITS:
        raise ConfigurationError(f"{size!r} is not a size; write it like 500MB, 10GB or 2GiB")
    return int(float(match[1]) * UNITS[match[2].lower()])


def _overrides() -> dict[str, int]:
    """Limits that the environment sets, by name."""
    overrides = {}
    for part in filter(None, map(str.strip, os.environ.get(VARIABLE, "").split(","))):
        name, _, size = part.partition("=")
        if name.strip() not in LIMITS:
            raise ConfigurationError(
                f"{VARIABLE} has {part!r}, which names no limit; write NAME=SIZE with one of "
                f"{', '.join(LIMITS)}"
            )
        try:
            overrides[name.strip()] = parse_size(size)
        except ConfigurationError as error:
            raise ConfigurationError(f"{VARIABLE}: {error}") from None
    return overrides
