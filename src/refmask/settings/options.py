"""Options whose defaults a user may set: names, kinds and defaults."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from refmask.errors import ConfigurationError

#: The model or the proposals that ``refmask.settings.choose`` picks.
AUTO = "auto"


@dataclass(frozen=True)
class Option:
    """An option of a system.

    Attributes:
        default: its value when nothing sets it.
        kind: str, int or float.
        choices: all its values, where they are known.
        minimum: inclusive, of a number.
        maximum: inclusive, of a number.
        parent: the option that it belongs to; setting the parent anew drops this one.
    """

    default: Any = None
    kind: type[str] | type[int] | type[float] = str
    choices: tuple[str, ...] = ()
    minimum: float = -math.inf
    maximum: float = math.inf
    parent: str | None = None

    def parsed(self, value: Any, where: str) -> Any:
        """Convert a text, or a TOML value, to this option's kind.

        Args:
            value: to be converted.
            where: the setting's name and place, for the message.

        Raises:
            ConfigurationError: for any other value; the caller adds what to do.
        """
        fits = type(value) in (str, self.kind) or (self.kind is float and type(value) is int)
        try:
            parsed = self.kind(value) if fits else None
        except ValueError:
            parsed = None
        if parsed is None or parsed == "" or (self.choices and parsed not in self.choices):
            kinds = {str: "a text", int: "a whole number", float: "a number"}
            wanted = " or ".join(self.choices) or kinds[self.kind]
            raise ConfigurationError(f"{where} is {value!r}, not {wanted}")
        if not isinstance(parsed, str) and not self.minimum <= parsed <= self.maximum:
            allowed = f"between {self.minimum} and {self.maximum}"
            if self.maximum == math.inf:
                allowed = f"at least {self.minimum}"
            raise ConfigurationError(f"{where} is {value!r}, not {allowed}")
        return parsed


#: By name, as in ``refmask.load`` and on the command line.
OPTIONS = {
    "model": Option(AUTO),
    "weights": Option(parent="model"),
    "proposals": Option(AUTO),
    "device": Option("auto"),
    "precision": Option("auto", choices=("auto", "fp32", "bf16"), parent="compat"),
    "method": Option(AUTO),
    "preset": Option(),
    "alpha": Option(kind=float, minimum=0, maximum=1, parent="preset"),
    "beta": Option(kind=float, minimum=0, maximum=1, parent="preset"),
    "mask_layers": Option(kind=int, minimum=1, parent="preset"),
    "local_top": Option(kind=int, minimum=1),
    "terms": Option(AUTO),
    "answers": Option(AUTO, choices=("auto", "one", "all")),
    "parser": Option("embedded"),
    "compat": Option("default", choices=("default", "reference")),
}
