"""Scoring methods: how well each proposal answers each expression.

To add a method: one file beside this one, and one line in ``METHODS``.
"""

from __future__ import annotations

import dataclasses
import importlib
from typing import TYPE_CHECKING, Any

from refmask.errors import ConfigurationError

if TYPE_CHECKING:
    from refmask.methods.base import Encoder
    from refmask.methods.base import Method as Method

#: Name -> module and class.
METHODS = {
    "global-local": ("refmask.methods.global_local", "GlobalLocal"),
    "cropping": ("refmask.methods.global_local", "Cropping"),
    "global": ("refmask.methods.global_local", "GlobalContext"),
    "region-token": ("refmask.methods.region_token", "RegionToken"),
    "score-map": ("refmask.methods.map_pooling", "ScoreMap"),
    "grad-cam": ("refmask.methods.map_pooling", "GradCam"),
    "class-posterior": ("refmask.methods.class_posterior", "ClassPosterior"),
}
#: Methods that need a classifier; all others need a CLIP.
FOR_CLASSIFIERS = ("class-posterior",)
#: ``Encoder.family`` of a classifier.
CLASSIFIER = "classifier"

#: Replacements for methods when ``local_top`` is set.
SHORTENED = {"global-local": ("refmask.methods.shortlist", "Shortlist")}

#: The paper's visual blend per data set (section 4).
PRESETS: dict[str, dict[str, Any]] = {
    "refcoco": {"alpha": 0.95, "beta": 0.5},
    "refcoco+": {"alpha": 0.95, "beta": 0.5},
    "refcocog": {"alpha": 0.85, "beta": 0.5},
    "phrasecut": {"alpha": 0.85, "beta": 0.5},
}


def check_method(name: str) -> None:
    """Raise ConfigurationError for a method that does not exist."""
    if name not in METHODS:
        raise ConfigurationError(f"no method is called {name!r}; choose from {', '.join(METHODS)}")


def check_preset(name: str) -> None:
    """Raise ConfigurationError for a preset that does not exist."""
    if name not in PRESETS:
        raise ConfigurationError(f"no preset is called {name!r}; choose from {', '.join(PRESETS)}")


def load_method(name: str, encoder: Encoder, **settings: Any) -> Method:
    """A method by name.

    Args:
        name: a key of ``METHODS``.
        encoder: the model that encodes masks and phrases.
        settings: its fields; None leaves a field at its default.

    Raises:
        ConfigurationError: for an unknown name, an unknown setting, or a model that the method
            does not support.
    """
    check_method(name)
    settings = {key: value for key, value in settings.items() if value is not None}
    classes = METHODS | SHORTENED if "local_top" in settings else METHODS
    module, class_name = classes[name]
    kind = getattr(importlib.import_module(module), class_name)
    known = [field.name for field in dataclasses.fields(kind) if field.init][1:]
    if unknown := settings.keys() - set(known):
        raise ConfigurationError(
            f"method {name} has no {', '.join(sorted(unknown))}; it takes {', '.join(known)}"
        )
    if encoder.family == CLASSIFIER and name not in FOR_CLASSIFIERS:
        raise ConfigurationError(
            f"method {name} needs a CLIP, {encoder.name} is a classifier; choose another model, "
            f"or method {', '.join(FOR_CLASSIFIERS)}"
        )
    method: Method = kind(encoder, **settings)
    return method


def usual_method(encoder: Encoder) -> str:
    """The default method for a model."""
    return FOR_CLASSIFIERS[0] if encoder.family == CLASSIFIER else "global-local"


__all__ = ["METHODS", "PRESETS", "Method", "load_method"]


def __getattr__(name: str) -> Any:
    if name != "Method":  # its module imports torch, which names and presets need not
        raise AttributeError(f"module 'refmask.methods' has no attribute {name!r}")
    from refmask.methods.base import Method

    return Method
