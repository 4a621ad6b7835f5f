"""Dataclasses to and from TOML: texts, numbers, booleans, tables, nested records and tuples."""

from __future__ import annotations

import dataclasses
import json
import typing
from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Any, TypeVar

from refmask.errors import ConfigurationError

T = TypeVar("T")


def dumps(table: Mapping[str, Any], name: str = "") -> str:
    """Write a table as TOML, without None and empty tables.

    Args:
        table: texts, numbers and booleans, tables, and sequences of tables.
        name: its dotted name, for its header.
    """
    lines, below = [], []
    for key, value in table.items():
        inner = f"{name}.{key}" if name else key
        if isinstance(value, Mapping):
            below += [f"\n[{inner}]\n{dumps(value, inner)}"] if value else []
        elif isinstance(value, (list, tuple)):
            below += [f"\n[[{inner}]]\n{dumps(entry, inner)}" for entry in value]
        elif value is not None:
            # JSON's texts, numbers and booleans are valid TOML, except for DEL.
            text = json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
            lines.append(f"{key} = {text}\n")
    return "".join(lines + below)


def record(kind: type[T], table: Any, name: str) -> T:
    """Convert a table to a dataclass, whose fields may be dataclasses, or tuples of them.

    Args:
        kind: a dataclass.
        table: as ``tomllib`` reads it.
        name: for messages.

    Raises:
        ConfigurationError: for an unknown key, a missing one, or a value of the wrong type.
    """
    if not isinstance(table, dict):
        raise ConfigurationError(f"{name} is not a table")
    fields = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    unknown = [key for key in table if key not in fields]
    if unknown:
        raise ConfigurationError(f"unknown key '{unknown[0]}' in {name}")
    types = typing.get_type_hints(kind)
    missing = [key for key, field in fields.items() if _required(field) and key not in table]
    if missing:
        raise ConfigurationError(f"'{missing[0]}' is missing in {name}")
    return kind(**{key: _value(types[key], value, key) for key, value in table.items()})


def _required(field: dataclasses.Field[Any]) -> bool:
    return field.default is field.default_factory is dataclasses.MISSING


def _value(wanted: Any, value: Any, name: str) -> Any:
    if isinstance(wanted, UnionType):
        (wanted,) = (kind for kind in typing.get_args(wanted) if kind is not NoneType)
    origin = typing.get_origin(wanted)
    if origin is tuple and isinstance(value, list):
        return tuple(record(typing.get_args(wanted)[0], entry, name) for entry in value)
    if dataclasses.is_dataclass(wanted) and isinstance(wanted, type):
        return record(wanted, value, name)
    kind = dict if origin is not None and origin is not tuple else wanted
    if kind is float and type(value) is int:
        value = float(value)
    if origin is tuple or type(value) is not kind:
        raise ConfigurationError(f"'{name}' is {value!r}, which is the wrong type")
    return value
