"""The shape that all methods share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from refmask.compat import Compat
from refmask.types import Bytes, Floats, MaskProposals, TargetPhrase


class Method(Protocol):
    """Scores proposals against expressions, in two steps of very different cost."""

    compat: Compat

    def observe(self, image: Bytes, proposals: MaskProposals) -> Any:
        """The costly, text-free part, once per picture: uint8 RGB (H, W, 3) and N proposals."""
        ...

    def score(self, observation: Any, phrases: Sequence[TargetPhrase]) -> Floats:
        """float32 (T, N), higher is better, as logits: their softmax over N is a probability."""
        ...

    def features(
        self, image: Bytes, proposals: MaskProposals, phrases: Sequence[TargetPhrase]
    ) -> dict[str, Floats]:
        """What another implementation can be compared with, by name, ``scores`` (T, N) included."""
        ...
