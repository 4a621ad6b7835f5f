"""Options whose defaults a user may set: their names, their kinds, and what they are otherwise."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from refmask.errors import ConfigurationError

#: The model or the proposals that fit what is here; see ``choosing``.
AUTO = "auto"


@dataclass(frozen=True)
class Option:
    """An option of a system.

    Attributes:
        usual: its value when nobody says otherwise.
        kind: str, int or float.
        choices: all its values, where they can be told.
        least: the smallest number that it may be.
        most: the largest one.
        under: the option that it belongs to: whoever sets that one anew leaves this one out.
    """

    usual: Any = None
    kind: type[str] | type[int] | type[float] = str
    choices: tuple[str, ...] = ()
    least: float = -math.inf
    most: float = math.inf
    under: str | None = None

    def parsed(self, value: Any, where: str) -> Any:
        """A text, or what TOML holds, as this option's kind.

        Args:
            value: to be converted.
            where: what holds it, for the message.

        Raises:
            ConfigurationError: when it is something else, without what to do about it.
        """
        fits = type(value) in (str, self.kind) or (self.kind is float and type(value) is int)
        try:
            made = self.kind(value) if fits else None
        except ValueError:
            made = None
        if made is None or made == "" or (self.choices and made not in self.choices):
            kinds = {str: "a text", int: "a whole number", float: "a number"}
            wanted = " or ".join(self.choices) or kinds[self.kind]
            raise ConfigurationError(f"{where} is {value!r}, not {wanted}")
        if not isinstance(made, str) and not self.least <= made <= self.most:
            most = "" if self.most == math.inf else f" to {self.most}"
            raise ConfigurationError(f"{where} is {value!r}, not from {self.least}{most}")
        return made


#: By name, as ``refmask.load`` and the command line have them.
OPTIONS = {
    "model": Option(AUTO),
    "weights": Option(under="model"),
    "proposals": Option(AUTO),
    "device": Option("auto"),
    "precision": Option("auto", choices=("auto", "fp32", "bf16"), under="compat"),
    "method": Option(AUTO),
    "preset": Option(),
    "alpha": Option(kind=float, least=0, most=1, under="preset"),
    "beta": Option(kind=float, least=0, most=1, under="preset"),
    "mask_layers": Option(kind=int, least=1, under="preset"),
    "local_top": Option(kind=int, least=1),
    "terms": Option(AUTO),
    "parser": Option("embedded"),
    "compat": Option("default", choices=("default", "reference")),
}
