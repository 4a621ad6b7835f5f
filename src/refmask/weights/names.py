"""Names of parameters, as training programs wrap and prefix them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

#: Under what checkpoints keep a model's parameters, beside the optimiser's and others.
WRAPPINGS = ("model_state_dict", "state_dict", "model")
#: What compiling puts before the names of a module, anywhere in them,
COMPILED = "_orig_mod."
#: and what wrapping puts before the names of a whole model.
PREFIXES = ("module.", "model.", "clip.")
#: Numbers that OpenAI keeps among CLIP's parameters.
OPENAI = frozenset({"input_resolution", "context_length", "vocab_size"})
#: Last parts of names that some files have and some models lack: constants, or unused.
SURPLUS = frozenset({"attn_mask", "position_ids", "logit_bias"})


def unwrapped(loaded: Any) -> Any:
    """The named parameters of a checkpoint, in whatever it wraps them."""
    for _ in WRAPPINGS:  # as often as there are names: a dictionary may hold itself
        for name in WRAPPINGS:
            if isinstance(loaded, dict) and isinstance(loaded.get(name), dict):
                loaded = loaded[name]
                break
    return loaded


def plain_names(names: Iterable[str]) -> dict[str, str]:
    """Each name without what compiling and wrapping put before it; a prefix is one of all names."""
    plain = {name: name.replace(COMPILED, "") for name in names}
    while prefix := next((one for one in PREFIXES if _all_begin(plain.values(), one)), ""):
        plain = {name: short.removeprefix(prefix) for name, short in plain.items()}
    return plain


def is_surplus(name: str) -> bool:
    """Whether a model may do without what has this name."""
    return name.rpartition(".")[2] in SURPLUS


def _all_begin(names: Iterable[str], prefix: str) -> bool:
    return all(name.startswith(prefix) or name in OPENAI for name in names)
