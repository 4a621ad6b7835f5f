"""Records as TOML: dataclasses of texts, numbers, booleans, tables, records and tuples of these."""

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
    """A table as TOML; None and empty tables are left out.

    Args:
        table: texts, numbers and booleans, tables, and sequences of tables.
        name: its own, with dots, for its head.
    """
    lines, below = [], []
    for key, value in table.items():
        inner = f"{name}.{key}" if name else key
        if isinstance(value, Mapping):
            below += [f"\n[{inner}]\n{dumps(value, inner)}"] if value else []
        elif isinstance(value, (list, tuple)):
            below += [f"\n[[{inner}]]\n{dumps(entry, inner)}" for entry in value]
        elif value is not None:
            # JSON's texts, numbers and booleans are TOML's, except for one letter.
            text = json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
            lines.append(f"{key} = {text}\n")
    return "".join(lines + below)


def record(kind: type[T], table: Any, name: str) -> T:
    """A table as a record of ``kind``, whose fields may be records, or tuples of records.

    Args:
        kind: a dataclass.
        table: as TOML gives it.
        name: what to call it in messages.

    Raises:
        ConfigurationError: for a key that is no field, a field without a value, or a value of
            another kind.
    """
    if not isinstance(table, dict):
        raise ConfigurationError(f"{name} is no table")
    fields = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    unknown = [key for key in table if key not in fields]
    if unknown:
        raise ConfigurationError(f"unknown key '{unknown[0]}' in {name}")
    types = typing.get_type_hints(kind)
    absent = [key for key, one in fields.items() if _needed(one) and key not in table]
    if absent:
        raise ConfigurationError(f"no '{absent[0]}' in {name}")
    return kind(**{key: _value(types[key], value, key) for key, value in table.items()})


def _needed(field: dataclasses.Field[Any]) -> bool:
    return field.default is field.default_factory is dataclasses.MISSING


def _value(wanted: Any, value: Any, name: str) -> Any:
    if isinstance(wanted, UnionType):
        (wanted,) = (one for one in typing.get_args(wanted) if one is not NoneType)
    origin = typing.get_origin(wanted)
    if origin is tuple and isinstance(value, list):
        return tuple(record(typing.get_args(wanted)[0], entry, name) for entry in value)
    if dataclasses.is_dataclass(wanted) and isinstance(wanted, type):
        return record(wanted, value, name)
    kind = dict if origin is not None and origin is not tuple else wanted
    if origin is tuple or type(value) is not kind:
        raise ConfigurationError(f"'{name}' is {value!r}, which does not fit")
    return value
