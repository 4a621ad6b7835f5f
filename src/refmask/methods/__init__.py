"""Scoring methods: how well each proposal answers each expression.

To add a method: one file beside this one, and one line in ``METHODS``.
"""

from __future__ import annotations

import dataclasses
import importlib
from typing import Any

from refmask.errors import ConfigurationError
from refmask.methods.base import Encoder, Method

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
#: What takes a classifier; all others take a CLIP.
FOR_CLASSIFIERS = ("class-posterior",)
#: ``Encoder.family`` of such a model.
CLASSIFIER = "classifier"

#: What takes a method's place when it is to look at its ``local_top`` best masks only.
SHORTENED = {"global-local": ("refmask.methods.shortlist", "Shortlist")}

#: The paper's visual blend per data set (section 4).
PRESETS: dict[str, dict[str, Any]] = {
    "refcoco": {"alpha": 0.95, "beta": 0.5},
    "refcoco+": {"alpha": 0.95, "beta": 0.5},
    "refcocog": {"alpha": 0.85, "beta": 0.5},
    "phrasecut": {"alpha": 0.85, "beta": 0.5},
}


def load_method(name: str, encoder: Encoder, **settings: Any) -> Method:
    """A method by name.

    Args:
        name: a key of ``METHODS``.
        encoder: the model it describes masks and phrases with.
        settings: its fields; those that are None are left at their defaults.

    Raises:
        ConfigurationError: for an unknown name, a setting the method does not have, or a model
            that it does not take.
    """
    if name not in METHODS:
        raise ConfigurationError(f"expected a method out of {', '.join(METHODS)}, got {name!r}")
    given = {key: value for key, value in settings.items() if value is not None}
    places = METHODS | SHORTENED if "local_top" in given else METHODS
    module, cls = places[name]
    kind = getattr(importlib.import_module(module), cls)
    known = [field.name for field in dataclasses.fields(kind) if field.init][1:]
    foreign = given.keys() - set(known)
    if foreign:
        raise ConfigurationError(
            f"method {name} has no {', '.join(sorted(foreign))}; it takes {', '.join(known)}"
        )
    if encoder.family == CLASSIFIER and name not in FOR_CLASSIFIERS:
        raise ConfigurationError(
            f"method {name} needs a CLIP, {encoder.name} is a classifier; choose another model, "
            f"or method {', '.join(FOR_CLASSIFIERS)}"
        )
    method: Method = kind(encoder, **given)
    return method


def usual_method(encoder: Encoder) -> str:
    """The name of the method that suits a model."""
    return FOR_CLASSIFIERS[0] if encoder.family == CLASSIFIER else "global-local"


__all__ = ["METHODS", "PRESETS", "Method", "load_method"]
