"""The baseline that looks at each mask alone (section 5.2, "Cropping")."""

from __future__ import annotations

from dataclasses import dataclass, field

from refmask.methods.global_local import GlobalLocal


@dataclass(frozen=True, eq=False)
class Cropping(GlobalLocal):
    """The local feature alone, against the whole expression as in table 1.

    Attributes:
        alpha: always 0.
        beta: 1 in table 1; below it, the noun phrase takes part (table 3).
        mask_layers: always None.
    """

    alpha: float = field(default=0.0, init=False)
    beta: float = 1.0
    mask_layers: None = field(default=None, init=False)

    in_context = False
