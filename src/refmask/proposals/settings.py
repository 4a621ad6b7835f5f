"""Settings of proposers: the fields of their dataclasses, from text or from Python."""

from __future__ import annotations

import dataclasses
import importlib
import typing
from collections.abc import Mapping
from types import NoneType
from typing import Any

from refmask.errors import ConfigurationError
from refmask.types import MaskProposer

WORDS = {"true": True, "yes": True, "false": False, "no": False}


def parse(spec: str, text: str) -> dict[str, str]:
    """``key=value,key=value`` as a dictionary; nothing for an empty text.

    Raises:
        ConfigurationError: when a part has no ``=``.
    """
    settings = {}
    for part in filter(None, text.split(",")):
        key, equals, value = part.partition("=")
        if not equals:
            raise ConfigurationError(
                f"expected settings as NAME:key=value,key=value, got '{part}' in '{spec}'"
            )
        settings[key.strip()] = value.strip()
    return settings


def build(
    name: str,
    module: str,
    kind: str,
    settings: Mapping[str, Any],
    defaults: Mapping[str, Any],
) -> MaskProposer:
    """A proposer with its settings, converted to their fields' types.

    Args:
        name: for messages.
        module: where its class lives.
        kind: the class, a frozen dataclass.
        settings: by field; a text is read as the field's type.
        defaults: taken for those fields that exist and are not in ``settings``.

    Raises:
        ConfigurationError: for a field that does not exist or a value that does not fit.
    """
    cls = getattr(importlib.import_module(module), kind)
    types = typing.get_type_hints(cls)
    fields = [field.name for field in dataclasses.fields(cls) if field.init]
    foreign = [key for key in settings if key not in fields]
    if foreign:
        raise ConfigurationError(
            f"proposals '{name}' have no setting {', '.join(foreign)}; "
            f"they take {', '.join(fields) or 'none'}"
        )
    known = {key: value for key, value in defaults.items() if key in fields}
    values = known | {key: _value(name, key, settings[key], types[key]) for key in settings}
    proposer: MaskProposer = cls(**values)
    return proposer


def _value(name: str, key: str, value: Any, wanted: Any) -> Any:
    """``value`` as its field's type, when it is a text."""
    kinds = [kind for kind in typing.get_args(wanted) or (wanted,) if kind is not NoneType]
    if not isinstance(value, str) or kinds[0] is str:
        return value
    if kinds[0] is bool:
        if value.lower() not in WORDS:
            raise ConfigurationError(f"expected {name}'s {key} as yes or no, got '{value}'")
        return WORDS[value.lower()]
    try:
        return kinds[0](value)
    except ValueError:
        raise ConfigurationError(
            f"expected {name}'s {key} as {kinds[0].__name__}, got '{value}'"
        ) from None
