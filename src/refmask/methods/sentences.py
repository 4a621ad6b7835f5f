"""What the baselines read: whole expressions."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional

from refmask.clip import ClipBackbone
from refmask.compat import Compat
from refmask.types import TargetPhrase


def read_sentences(clip: ClipBackbone, phrases: Sequence[TargetPhrase], compat: Compat) -> Tensor:
    """Text features of whole expressions (equation 6).

    Returns:
        float32 (T, D), L2-normalised where ``compat`` says so.
    """
    texts = [phrase.text for phrase in phrases]
    features = clip.encode_text(texts, refuse_long=compat.long_text_error)
    return functional.normalize(features, dim=1) if compat.unit_text else features
