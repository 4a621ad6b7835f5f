"""What ``refmask calibrate`` fitted, for one model and method each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

#: What tells one from another; the rest is a calibration.
KEYS = ("weights", "method")


@dataclass(frozen=True)
class FittedCalibration:
    """A calibration and what it belongs to.

    Attributes:
        weights: SHA-256 of the model's weights.
        method: a key of ``refmask.methods.METHODS``.
        temperature: see ``refmask.selection.Calibration``, as the following.
        similarity: of presence.
        contrast: of presence.
        bias: of presence.
        fitted: what it was fitted on.
        guessed: whether all but the temperature is a guess.
    """

    weights: str
    method: str
    temperature: float
    similarity: float
    contrast: float
    bias: float
    fitted: str
    guessed: bool = False

    @property
    def numbers(self) -> dict[str, Any]:
        """The calibration's fields by name."""
        return {name: value for name, value in asdict(self).items() if name not in KEYS}


def with_fitted(
    known: Iterable[FittedCalibration], new: FittedCalibration
) -> tuple[FittedCalibration, ...]:
    """The known ones with a new one, in place of that of the same model and method."""
    others = [one for one in known if (one.weights, one.method) != (new.weights, new.method)]
    return (*others, new)
