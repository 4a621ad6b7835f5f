"""Translate settings in the library's messages to options of the command.

The library writes a setting in backticks, as in Python: `first` or `missing=skip`. The command
prints ``--first`` and ``--missing skip``.
"""

from __future__ import annotations

import re

#: The settings to translate; other text in backticks stays.
SETTINGS = frozenset(
    {"address", "also_vit", "copy_images", "expressions", "first", "host", "index", "label"}
    | {"label_studio_root", "missing", "model", "out", "overwrite", "parser", "per_image", "port"}
    | {"precision", "proposals", "quality", "questions", "resnet", "root", "shard_rows", "source"}
    | {"split", "store", "truth", "vit", "weights", "workers"}
)
#: Options with another name than their setting, which Python reserves.
RENAMED = {"source": "from"}
_SETTING = re.compile(r"`([a-z_]+)(?:=([^`\s]+))?`")


def as_options(message: object) -> str:
    """Replace settings in a message by options of the command."""
    return _SETTING.sub(_option, str(message))


def _option(match: re.Match[str]) -> str:
    name, value = match.groups()
    if name not in SETTINGS:
        return match[0]
    return " ".join(filter(None, (f"--{RENAMED.get(name, name).replace('_', '-')}", value)))
