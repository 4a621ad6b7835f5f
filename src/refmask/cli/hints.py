"""Settings that messages of the library name, as the command's options.

The library knows no command line: it writes a setting as Python spells it, in backticks, such as
`first` or `missing=skip`. Here that becomes ``--first`` and ``--missing skip``.
"""

from __future__ import annotations

import re

#: Settings that messages name; anything else in backticks stays as it is.
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
    """A message with its settings as options of the command."""
    return _SETTING.sub(_option, str(message))


def _option(found: re.Match[str]) -> str:
    name, value = found.groups()
    if name not in SETTINGS:
        return found[0]
    return " ".join(filter(None, (f"--{RENAMED.get(name, name).replace('_', '-')}", value)))
