"""The shape that all methods share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch

from refmask.compat import Compat
from refmask.ops.pixels import PixelStatistics
from refmask.types import FloatArray, MaskProposals, TargetPhrase, UInt8Array

#: Fields of ``Compat`` that change how any picture enters a model.
INPUT = ("imagenet_statistics", "shorter_side", "plain_bilinear")


class Keep(Protocol):
    """Through which a method asks for what is costly, so that it need not be computed twice."""

    def __call__(
        self,
        part: str,
        settings: Mapping[str, Any],
        shape: tuple[int | None, ...],
        compute: Callable[[], FloatArray],
    ) -> FloatArray:
        """A part of what a method sees in a picture, kept or computed.

        Args:
            part: its name; the same for all methods that compute it in the same way.
            settings: what it depends on beside the model, the picture and its masks.
            shape: of the result; None for a side that is not known beforehand.
            compute: gives float32 of that shape.
        """
        ...


def afresh(
    part: str,  # noqa: ARG001  as all ways of keeping
    settings: Mapping[str, Any],  # noqa: ARG001
    shape: tuple[int | None, ...],  # noqa: ARG001
    compute: Callable[[], FloatArray],
) -> FloatArray:
    """Compute, and keep nothing."""
    return compute()


def chosen_fields(compat: Compat, *names: str) -> dict[str, Any]:
    """Fields of a compatibility record by name, as JSON holds them."""
    values = {name: getattr(compat, name) for name in names}
    return {name: list(v) if isinstance(v, tuple) else v for name, v in values.items()}


class Encoder(Protocol):
    """A loaded model, as what does not compute with it knows it."""

    @property
    def name(self) -> str:
        """Model and weights, for reports."""
        ...

    @property
    def family(self) -> str:
        """Kind of its image tower: "vit", "resnet" or "classifier"."""
        ...

    @property
    def advice(self) -> dict[str, Any]:
        """Settings of methods that its card recommends, by name."""
        ...

    @property
    def weights(self) -> Path | None:
        """The file its weights were read from, where there is one."""
        ...

    @property
    def weights_sha256(self) -> str | None:
        """SHA-256 of that file."""
        ...

    @property
    def model_cfg(self) -> dict[str, Any]:
        """What its features depend on beside weights, statistics and precision."""
        ...

    @property
    def statistics(self) -> PixelStatistics:
        """How its weights want pixels."""
        ...

    @property
    def precision(self) -> torch.dtype:
        """torch.float32 or torch.bfloat16, of its features."""
        ...

    @property
    def dim(self) -> int:
        """The width of its features."""
        ...


class Method(Protocol):
    """Scores proposals against expressions, in two steps of very different cost.

    One whose model knows a list of words may also have ``unknown(phrases)``: for each phrase a
    short reason why nothing of it is known, or None; see :func:`unknown_to`. One that can tell that
    nothing fits a phrase may have ``doubt(observation, phrase, best)``; see :func:`doubt_of`.
    """

    @property
    def encoder(self) -> Encoder:
        """The model it describes masks and phrases with."""
        ...

    @property
    def compat(self) -> Compat:
        """Corrected or the released code's arithmetic."""
        ...

    def observe(self, image: UInt8Array, proposals: MaskProposals, keep: Keep = afresh) -> Any:
        """The costly, text-free part, once per picture: uint8 RGB (H, W, 3) and N proposals."""
        ...

    def score(
        self,
        observation: Any,
        phrases: Sequence[TargetPhrase],
        evidence: FloatArray | float = 0.0,
    ) -> FloatArray:
        """float32 (T, N), higher is better, as logits: their softmax over N is a probability.

        ``evidence``, float32 (T, N) in nats, is added by the method itself: one that looks closer
        at its best masks takes it into account when it chooses them.
        """
        ...

    def features(
        self, image: UInt8Array, proposals: MaskProposals, phrases: Sequence[TargetPhrase]
    ) -> dict[str, FloatArray]:
        """What another implementation can be compared with, by name, ``scores`` (T, N) included."""
        ...


def unknown_to(method: Method, phrases: Sequence[TargetPhrase]) -> list[str | None]:
    """For each phrase a short reason why its scores mean nothing, or None where they do.

    A method without ``unknown`` knows everything.
    """
    tell = getattr(method, "unknown", None)
    return [None] * len(phrases) if tell is None else list(tell(phrases))


def doubt_of(method: Method, observation: Any, phrase: TargetPhrase, best: int) -> str | None:
    """Why the best mask is hardly what a phrase names at all, or None.

    A method without ``doubt`` never doubts.
    """
    doubt = getattr(method, "doubt", None)
    return None if doubt is None else doubt(observation, phrase, best)
