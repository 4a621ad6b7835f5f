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
                f"'{part}' in '{spec}' has no value; write settings as NAME:key=value,key=value"
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
        module: of its class.
        kind: its class, a frozen dataclass.
        settings: by field; a string is converted to the field's type.
        defaults: for fields that exist and are not in ``settings``.

    Raises:
        ConfigurationError: for an unknown field, or a value of another type.
    """
    cls = getattr(importlib.import_module(module), kind)
    types = typing.get_type_hints(cls)
    fields = [field.name for field in dataclasses.fields(cls) if field.init]
    unknown = [key for key in settings if key not in fields]
    if unknown:
        raise ConfigurationError(
            f"proposals '{name}' have no setting {', '.join(unknown)}; "
            f"they take {', '.join(fields) or 'none'}"
        )
    values = {key: value for key, value in defaults.items() if key in fields}
    values |= {key: _value(name, key, settings[key], types[key]) for key in settings}
    proposer: MaskProposer = cls(**values)
    return proposer


def _value(name: str, key: str, value: Any, annotation: Any) -> Any:
    """``value`` as its field's type, when it is a string."""
    kinds = [kind for kind in typing.get_args(annotation) or (annotation,) if kind is not NoneType]
    if not isinstance(value, str) or kinds[0] is str:
        return value
    if kinds[0] is bool:
        if value.lower() not in WORDS:
            raise ConfigurationError(f"{name}'s {key} is yes or no, not '{value}'")
        return WORDS[value.lower()]
    try:
        return kinds[0](value)
    except ValueError:
        number = "a whole number" if kinds[0] is int else "a number"
        raise ConfigurationError(f"{name}'s {key} is {number}, not '{value}'") from None
