"""JSON files that come with a model: read, and checked before anything is built.

Their content comes from outside. A rule says what a value may be, and lists its faults, each on one
line with the value's place in the file.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from refmask.errors import ModelError
from refmask.ops.reading import read_json

#: Digits of whole numbers: published tokenizers have one of 31, which means no limit.
DIGITS = 40
#: Faults that an error names.
NAMED = 3
#: How a file names code that comes with it.
CODE = "auto_map"
#: Characters of a value or a name that a fault shows.
SHOWN = 40


def read_object(path: Path) -> dict[str, Any]:
    """The object in a JSON file of a model's.

    Raises:
        ModelError: when it cannot be read, is too long, or is no JSON.
    """
    found = read_json(path, "a model's settings", ModelError, "settings", digits=DIGITS)
    if not isinstance(found, dict):
        raise ModelError(f"expected a JSON object in {path}, got {shown(found)}; check the path")
    return found


def check(content: dict[str, Any], rule: Rule, path: Path) -> None:
    """Raise ModelError unless a file's content follows a rule, with the first few faults."""
    faults = list(rule.faults(content, ""))
    if faults:
        raise refused(path, faults)


def refuse_code(content: dict[str, Any], path: Path) -> None:
    """Raise ModelError when a file of a model's names code that comes with it."""
    if content.get(CODE):
        raise ModelError(
            f"{path} names code of its own ({CODE}), and refmask runs none; choose another model"
        )


def refused(path: Path, faults: Sequence[str]) -> ModelError:
    """The error for a file's faults, with the first few of them."""
    more = f"; and {len(faults) - NAMED} more" if len(faults) > NAMED else ""
    return ModelError(
        f"{path} cannot be used as a configuration: {'; '.join(faults[:NAMED])}{more}; correct "
        "it, or fetch the file again"
    )


class Rule(Protocol):
    """What a value may be."""

    @property
    def wanted(self) -> str:
        """It in words, such as "a whole number from 1 to 9"."""
        ...

    def faults(self, value: Any, place: str) -> Iterator[str]:
        """What is wrong with a value at a place; nothing when it may be that."""
        ...


@dataclass(frozen=True)
class Single:
    """A rule for values without parts.

    Attributes:
        wanted: it in words.
        accepts: whether a value may be that.
    """

    wanted: str
    accepts: Callable[[Any], bool]

    def faults(self, value: Any, place: str) -> Iterator[str]:
        """At most one."""
        if not self.accepts(value):
            yield f"{place} must be {self.wanted}, not {shown(value)}"


def whole(low: int, high: int) -> Single:
    """A whole number within bounds."""
    wanted = str(low) if low == high else f"a whole number from {low} to {high}"
    return Single(wanted, lambda value: type(value) is int and low <= value <= high)


def real(low: float, high: float) -> Single:
    """A number within bounds; NaN is within none."""
    wanted = f"{low:g}" if low == high else f"a number from {low:g} to {high:g}"
    return Single(wanted, lambda value: type(value) in (int, float) and low <= value <= high)


def one_of(*values: str | bool | None) -> Single:
    """One of a few texts, true, false or null."""
    wanted = " or ".join(json.dumps(value) for value in values)
    return Single(wanted, lambda value: isinstance(value, str | bool | None) and value in values)


def text(longest: int = 200) -> Single:
    """A text on one line."""
    wanted = f"a text of 1 to {longest} printable characters"
    return Single(
        wanted,
        lambda value: isinstance(value, str) and 0 < len(value) <= longest and value.isprintable(),
    )


#: True or false; and whatever it is, for nobody reads it.
FLAG = one_of(True, False)
ANYTHING = Single("anything", lambda _: True)


@dataclass(frozen=True)
class Tame:
    """Whatever it is, with numbers from -most to most in all its parts.

    For settings that a library reads by itself.
    """

    most: float

    @property
    def wanted(self) -> str:
        """It in words."""
        return f"without numbers beyond {self.most:g}"

    def faults(self, value: Any, place: str) -> Iterator[str]:
        """Of each number."""
        if isinstance(value, dict):
            for name, part in value.items():
                yield from self.faults(part, f"{place}.{shown(name)}")
        elif isinstance(value, list):
            for number, part in enumerate(value):
                yield from self.faults(part, f"{place}[{number}]")
        elif type(value) in (int, float):
            yield from real(-self.most, self.most).faults(value, place)


@dataclass(frozen=True)
class Listed:
    """A list of so many values of one kind."""

    each: Rule
    lengths: tuple[int, ...]

    @property
    def wanted(self) -> str:
        """It in words."""
        return f"a list of {' or '.join(map(str, self.lengths))}, each {self.each.wanted}"

    def faults(self, value: Any, place: str) -> Iterator[str]:
        """Of its length, or of its parts."""
        if not isinstance(value, list) or len(value) not in self.lengths:
            yield f"{place} must be {self.wanted}, not {shown(value)}"
            return
        for number, part in enumerate(value):
            yield from self.each.faults(part, f"{place}[{number}]")


@dataclass(frozen=True)
class Either:
    """What one of several rules accepts."""

    rules: tuple[Rule, ...]

    @property
    def wanted(self) -> str:
        """It in words."""
        return " or ".join(rule.wanted for rule in self.rules)

    def faults(self, value: Any, place: str) -> Iterator[str]:
        """At most one."""
        if all(any(rule.faults(value, place)) for rule in self.rules):
            yield f"{place} must be {self.wanted}, not {shown(value)}"


@dataclass(frozen=True)
class Maybe:
    """What a rule accepts, or null."""

    rule: Rule

    @property
    def wanted(self) -> str:
        """It in words."""
        return f"{self.rule.wanted} or null"

    def faults(self, value: Any, place: str) -> Iterator[str]:
        """Those of the rule."""
        if value is not None:
            yield from self.rule.faults(value, place)


@dataclass(frozen=True)
class Object:
    """Values by name.

    Attributes:
        fields: a rule for each known name.
        required: names that must be there.
        others: a rule for values of all other names; None refuses these names.
    """

    fields: Mapping[str, Rule]
    required: tuple[str, ...] = ()
    others: Rule | None = None
    wanted: str = "an object"

    def faults(self, value: Any, place: str) -> Iterator[str]:
        """Of its names, and of its parts."""
        if not isinstance(value, dict):
            yield f"{place or 'its content'} must be {self.wanted}, not {shown(value)}"
            return
        before = f"{place}." if place else ""
        yield from (f"{before}{name} is missing" for name in self.required if name not in value)
        for name, part in value.items():
            rule = self.fields.get(name, self.others)
            written = name if name in self.fields else shown(name)
            if rule is None:
                yield f"{before}{written} is not known"
            else:
                yield from rule.faults(part, f"{before}{written}")


def shown(value: Any) -> str:
    """A value in a few characters on one line."""
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, dict):
        return "an object"
    written = json.dumps(value)
    return written if len(written) <= SHOWN else f"{written[:SHOWN]}..."
