"""The activation that weights were trained with: GELU, or OpenAI's quick approximation of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from refmask.clip.configuration import (
    CONFIG,
    CONFIG_FILE,
    WEIGHT_FILES,
    architectures,
    read_configuration,
    read_transformers,
)
from refmask.errors import ConfigurationError, ModelError
from refmask.weights.names import OPENAI
from refmask.weights.tags import QUICK as SUFFIX

#: Classes of the activations, as programs in TorchScript archives name them.
QUICK, EXACT = "QuickGELU", "GELU"


def check_activation(model: str, cfg: Mapping[str, Any], quick: bool | None, what: str) -> None:
    """Raise unless a model has the activation that its weights were trained with.

    GELU and OpenAI's quick approximation both give answers, but those of the wrong one are worse.

    Args:
        model: its name.
        cfg: its configuration, in open_clip's form.
        quick: what ``trained_quick`` says of it.
        what: what to call the weights.

    Raises:
        ConfigurationError: naming the model that fits.
    """
    if quick is None or quick == bool(cfg.get("quick_gelu", False)):
        return
    fitting = model.removesuffix(SUFFIX) + SUFFIX * quick
    way = (
        f"use {fitting}"
        if fitting in architectures()
        else f'set "quick_gelu": {str(quick).lower()} in its configuration'
    )
    raise ConfigurationError(
        f"weights {what} were trained {'with' if quick else 'without'} quick GELU, model {model} "
        f"is the other way; {way}"
    )


def trained_quick(path: Path, marks: Collection[str]) -> bool | None:
    """Whether weights were trained with quick GELU; None where nothing says so.

    Args:
        path: the weights file; what lies beside it may be its configuration.
        marks: what ``read_checkpoint`` found in it beside parameters.
    """
    if QUICK in marks or OPENAI & set(marks):
        return True
    if EXACT in marks:
        return False
    if path.name in WEIGHT_FILES:
        for name, read in ((CONFIG_FILE, read_configuration), (CONFIG, read_transformers)):
            with suppress(ModelError):
                cfg = read(path.with_name(name))["model_cfg"]
                return bool(cfg.get("quick_gelu", False))
    return None
