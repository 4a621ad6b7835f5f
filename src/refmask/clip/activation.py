"""Which activation a file's weights were trained with: GELU, or OpenAI's quick approximation.

Both give answers, but those of the wrong one are worse, so that it must be told. A file of
parameters alone, with no configuration beside it, does not say.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import open_clip

from refmask.clip.configuration import read_configuration
from refmask.clip.files import CONFIG, CONFIG_FILE, WEIGHT_FILES
from refmask.clip.transformers_names import read_config
from refmask.errors import ConfigurationError, ModelError
from refmask.weights.names import OPENAI

#: Classes of the activations, as programs in TorchScript archives name them.
QUICK, EXACT = "QuickGELU", "GELU"


def check_activation(model: str, cfg: Mapping[str, Any], told: bool | None, what: str) -> None:
    """Raise unless a model has the activation that its weights were trained with.

    Args:
        model: its name.
        cfg: open_clip's model configuration.
        told: what ``trained_quick`` says of it.
        what: what to call the weights.

    Raises:
        ConfigurationError: naming the model that fits.
    """
    if told is None or told == bool(cfg.get("quick_gelu", False)):
        return
    fitting = model.removesuffix("-quickgelu") + "-quickgelu" * told
    way = (
        f"use {fitting}"
        if fitting in open_clip.list_models()
        else f'set "quick_gelu": {str(told).lower()} in its configuration'
    )
    raise ConfigurationError(
        f"weights {what} were trained {'with' if told else 'without'} quick GELU, model {model} is "
        f"the other way; {way}"
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
    return _told_beside(path) if path.name in WEIGHT_FILES else None


def _told_beside(path: Path) -> bool | None:
    """What a configuration says that lies beside weights of the usual name."""
    with suppress(ModelError):
        cfg = read_configuration(path.with_name(CONFIG_FILE))["model_cfg"]
        return bool(cfg.get("quick_gelu", False))
    with suppress(ModelError):
        cfg, _ = read_config(path.with_name(CONFIG))
        return bool(cfg["quick_gelu"])
    return None
