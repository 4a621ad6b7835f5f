"""What tells one model's features from another's, and one method's scores."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from refmask.compat import Compat, reference
from refmask.methods import METHODS, Method
from refmask.methods.base import Encoder
from refmask.ops.devices import precision_name
from refmask.provenance import spelled

#: Settings that a line about a method can hold.
PLAIN = (bool, int, float, str)


def model_configuration(encoder: Encoder) -> dict[str, Any]:
    """A model by name, and what its features depend on, as JSON holds it; files by their names."""
    # The same weights give other features under another configuration, such as another GELU.
    told = [encoder.model_cfg, asdict(encoder.statistics)]
    settled = json.dumps(told, sort_keys=True, default=str)
    return {
        "model": model_name(encoder),
        "model_sha256": hashlib.sha256(settled.encode()).hexdigest(),
        "weights_sha256": encoder.weights_sha256,
        "precision": precision_name(encoder.precision),
    }


def model_name(encoder: Encoder) -> str:
    """A model's name, its files without their folders."""
    words = encoder.name.split(" ")
    return " ".join(Path(word).name if Path(word).exists() else word for word in words)


def method_name(method: Method) -> str:
    """A method's key in ``METHODS``; its class where it has none.

    One that takes another's place (``SHORTENED``) derives from it; its settings tell it.
    """
    places = [(cls.__module__, cls.__name__) for cls in type(method).__mro__]
    names = {place: name for name, place in METHODS.items()}
    return next((names[place] for place in places if place in names), type(method).__name__)


def method_told(method: Method, others: Mapping[str, Any]) -> str:
    """A method and its settings on one line, as ``Provenance.method`` has them.

    Args:
        method: any.
        others: what else its answers depend on, such as terms.
    """
    fields: tuple[Any, ...] = dataclasses.fields(method) if dataclasses.is_dataclass(method) else ()
    values = {field.name: getattr(method, field.name) for field in fields if field.init}
    settings = {name: value for name, value in values.items() if isinstance(value, PLAIN)}
    return spelled(method_name(method), {**settings, **_compat_told(method.compat), **others})


def _compat_told(compat: Compat) -> dict[str, str]:
    if compat == Compat():
        return {}
    released = compat in (reference("vit"), reference("resnet"))
    return {"compat": "reference" if released else "other"}
