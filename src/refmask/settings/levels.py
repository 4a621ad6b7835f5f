"""Who says what an option is: the call or command, the environment, the configuration file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from refmask.errors import ConfigurationError, RefmaskError
from refmask.settings import file
from refmask.settings.options import AUTO, OPTIONS

#: What environment variables begin with.
PREFIX = "REFMASK_"


@dataclass(frozen=True)
class Stated:
    """An option's value.

    Attributes:
        value: of the option's kind.
        by: who states it: ``GIVEN``, an environment variable, or the configuration file; None for
            the value that it has when nobody does.
    """

    value: Any
    by: str | None = None


#: The call, or an option of the command.
GIVEN = "given"


def variable(name: str) -> str:
    """The environment variable of an option."""
    return PREFIX + name.upper()


def stated(given: Mapping[str, Any], names: Iterable[str] = OPTIONS) -> dict[str, Stated]:
    """Options by the first who states them.

    An option that belongs to another (weights to a model) counts only as long as nobody before
    states that other one.

    Args:
        given: values of the call or command; None and "auto" state nothing.
        names: of the options that are wanted.

    Raises:
        ConfigurationError: when the environment or the configuration file holds what is no value
            of an option, or the file cannot be used.
    """
    levels = [given, _environment(), file.read().options]
    found = {name: _first(name, levels) for name in names}
    return {
        name: Stated(OPTIONS[name].usual)
        if level is None
        else Stated(levels[level][name], (GIVEN, variable(name), str(file.place()))[level])
        for name, level in found.items()
    }


@contextmanager
def blamed(said: Mapping[str, Stated]) -> Iterator[None]:
    """Have errors about an option that nobody gave tell where its value comes from.

    Args:
        said: options as they are used.
    """
    try:
        yield
    except RefmaskError as error:
        text = str(error)
        told = [
            f"{name} is {one.value!r} in {one.by}"
            for name, one in said.items()
            if one.by not in (None, GIVEN) and (name in text or str(one.value) in text)
        ]
        if not told:
            raise
        raise type(error)(f"{text} ({', '.join(told)})") from None


def _first(name: str, levels: list[Mapping[str, Any]]) -> int | None:
    under = OPTIONS[name].under
    for number, values in enumerate(levels):
        if values.get(name) not in (None, AUTO):
            return number
        if under is not None and values.get(under) not in (None, AUTO):
            return None
    return None


def _environment() -> dict[str, Any]:
    names = {name: variable(name) for name in OPTIONS}
    try:
        return {
            name: OPTIONS[name].parsed(os.environ[told], told)
            for name, told in names.items()
            if os.environ.get(told)
        }
    except ConfigurationError as error:
        raise ConfigurationError(f"{error}; correct it") from None
