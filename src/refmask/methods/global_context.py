"""The ablation that looks at each mask in its context only (tables 3 and 5)."""

from __future__ import annotations

from dataclasses import dataclass, field

from refmask.methods.global_local import GlobalLocal


@dataclass(frozen=True, eq=False)
class GlobalContext(GlobalLocal):
    """The global feature alone, against the whole expression as in table 5.

    Attributes:
        alpha: always 1.
        beta: 1 in table 5; below it, the noun phrase takes part (table 3).
    """

    alpha: float = field(default=1.0, init=False)
    beta: float = 1.0

    alone = False
