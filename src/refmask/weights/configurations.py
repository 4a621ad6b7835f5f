"""JSON files that come with a model: read, and checked before anything is built.

Their content comes from outside. ``schema.py`` says how it is told what they may hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from refmask.errors import ModelError
from refmask.ops.reading import read_json
from refmask.weights.schema import Rule, shown

#: Digits of whole numbers: published tokenizers have one of 31, which means no limit.
DIGITS = 40
#: Faults that an error names.
TOLD = 3
#: How a file names code that comes with it.
CODE = "auto_map"


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


def refuse_code(told: dict[str, Any], path: Path) -> None:
    """Raise ModelError when a file of a model's names code that comes with it."""
    if told.get(CODE):
        raise ModelError(f"{path} names code of its own ({CODE}), and refmask runs none")


def refused(path: Path, faults: Sequence[str]) -> ModelError:
    """What is raised for a file's faults, with the first few of them."""
    more = f"; and {len(faults) - TOLD} more" if len(faults) > TOLD else ""
    return ModelError(
        f"{path} is no configuration that can be used: {'; '.join(faults[:TOLD])}{more}"
    )
