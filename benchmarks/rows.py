"""One measured work: what it took, on both sides, against its target and the machine's limit."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from harness import figures


@dataclass(frozen=True)
class Target:
    """What a work must reach; None where nothing is asked.

    Attributes:
        ratio: so many times as fast as plain, at least.
        seconds: at most.
        share: of the limit's rate, at least, 0 to 1.
    """

    ratio: float | None = None
    seconds: float | None = None
    share: float | None = None


@dataclass(frozen=True)
class Rates:
    """Multiply-adds per second of this machine's best linear layers, on the threads in use."""

    fp32: float
    bf16: float

    def of(self, precision: torch.dtype) -> float:
        """The rate in a precision."""
        return self.bf16 if precision == torch.bfloat16 else self.fp32


def row(
    work: str,
    ours: list[float],
    plain: list[float] | None = None,
    *,
    target: Target | None = None,
    operations: int | None = None,
    rate: float | None = None,
    **more: Any,
) -> dict[str, Any]:
    """A row of the results file.

    Args:
        work: what is done.
        ours: seconds of each run.
        plain: seconds of each run of the yardstick.
        target: what is asked.
        operations: multiply-adds that the work needs.
        rate: of the machine, multiply-adds per second, in the precision of ours.
        more: said about it.

    Returns:
        ``work``; ``ours`` and ``plain`` as medians, least and most; ``ratio``, plain over ours;
        ``limit``, the seconds that the operations need at that rate; ``share``, limit over ours;
        ``allowed``, plain over limit: the ratio of a machine that does nothing else; ``target``
        and whether it is ``met``.
    """
    told: dict[str, Any] = {"work": work, "ours": figures(ours)}
    median = told["ours"]["median"]
    if plain is not None:
        told["plain"] = figures(plain)
        told["ratio"] = told["plain"]["median"] / median
    if operations is not None and rate is not None:
        told |= {"operations": operations, "limit": operations / rate}
        told["share"] = told["limit"] / median
        if plain is not None:
            told["allowed"] = told["plain"]["median"] / told["limit"]
    if target is not None:
        told["target"] = {name: value for name, value in asdict(target).items() if value}
        told["met"] = met(told, target)
    return told | more


def met(told: dict[str, Any], target: Target) -> bool:
    """Whether a row reaches all that is asked of it."""
    return (
        (target.ratio is None or told["ratio"] >= target.ratio)
        and (target.seconds is None or told["ours"]["median"] <= target.seconds)
        and (target.share is None or told["share"] >= target.share)
    )
