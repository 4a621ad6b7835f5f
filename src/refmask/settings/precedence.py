"""Precedence of settings: the call or command, the environment, the configuration file."""

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
#: The source of a setting that the call or the command line states.
ARGUMENT = "given"


@dataclass(frozen=True)
class Setting:
    """An option's value and its source.

    Attributes:
        value: of the option's kind.
        source: ``ARGUMENT``, an environment variable, or the configuration file; None for the
            default.
    """

    value: Any
    source: str | None = None


def variable(name: str) -> str:
    """The environment variable of an option."""
    return PREFIX + name.upper()


def resolve(arguments: Mapping[str, Any], names: Iterable[str] = OPTIONS) -> dict[str, Setting]:
    """Look options up, in order: arguments, environment, configuration file, default.

    An option that belongs to another (weights to a model) is ignored below the level that sets
    the other one.

    Args:
        arguments: of the call or command; None and "auto" state nothing.
        names: the options to look up.

    Raises:
        ConfigurationError: when the environment or the configuration file is invalid.
    """
    levels = [arguments, _environment(), file.read().options]
    settings = {}
    for name in names:
        level = _level(name, levels)
        if level is None:
            settings[name] = Setting(OPTIONS[name].default)
        else:
            source = (ARGUMENT, variable(name), str(file.location()))[level]
            settings[name] = Setting(levels[level][name], source)
    return settings


@contextmanager
def naming_sources(settings: Mapping[str, Setting]) -> Iterator[None]:
    """Add to errors about an option which variable or file sets it."""
    try:
        yield
    except RefmaskError as error:
        text = str(error)
        sources = [
            f"{name} is {setting.value!r} in {setting.source}"
            for name, setting in settings.items()
            if setting.source not in (None, ARGUMENT)
            and (name in text or str(setting.value) in text)
        ]
        if not sources:
            raise
        raise type(error)(f"{text} ({', '.join(sources)})") from None


def _level(name: str, levels: list[Mapping[str, Any]]) -> int | None:
    """The number of the first level that states an option."""
    parent = OPTIONS[name].parent
    for number, values in enumerate(levels):
        if values.get(name) not in (None, AUTO):
            return number
        if parent is not None and values.get(parent) not in (None, AUTO):
            return None
    return None


def _environment() -> dict[str, Any]:
    names = {name: variable(name) for name in OPTIONS}
    try:
        return {
            name: OPTIONS[name].parsed(os.environ[key], key)
            for name, key in names.items()
            if os.environ.get(key)
        }
    except ConfigurationError as error:
        raise ConfigurationError(f"{error}; correct it") from None
