"""Which tokens of masked images must be computed: those the masks keep, and few zeros.

Token masking makes a zero vector of every patch token whose mask value is zero, before each block.
Within a block all zero tokens thus have the same key and the same value: the layer norm's bias,
projected. In attention n equal keys count as r of them whose logits grow by log(n / r), and what
becomes of the zero tokens nobody reads: they are made zero again. So the class token, the tokens
that a mask keeps and one zero token give the same answer as all tokens, at a cost that follows the
masked area.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

#: The shortest sequence of a group over its longest. What it is filled up with costs about what
#: smaller groups cost in slower matrix products; between 0.7 and 0.9 both matter little.
ALIKE = 0.8


class MaskedTokens(NamedTuple):
    """The tokens to compute for G masks of like area.

    Attributes:
        masks: int64 (G,), which masks these are.
        places: int64 (G, L), positions in the image's sequence, the class token's 0 first.
        values: float32 (G, L, 1), what each token is multiplied by: 1 for the class token.
        bias: float32 (G, 1, 1, L), to be added to the attention's logits.
    """

    masks: Tensor
    places: Tensor
    values: Tensor
    bias: Tensor


def masked_tokens(masks: Tensor, budget: int) -> Iterator[MaskedTokens]:
    """The tokens to compute, in groups of masks that keep about as many.

    Args:
        masks: float32 (N, h, w), 0 to 1.
        budget: tokens of a group at most, unless one mask alone has more.

    Yields:
        Groups; each mask is in one of them.
    """
    # (N, h, w) -> (N, 1 + h*w), the class token's one and then each mask's values, largest first
    values, places = masks.flatten(1).sort(dim=1, descending=True)
    values, places = functional.pad(values, (1, 0), value=1), functional.pad(places + 1, (1, 0))
    lengths = (values.count_nonzero(dim=1) + 1).clamp(max=values.shape[1])
    for some, length in _groups(lengths, budget):
        bias = _zeros_bias(values[some], length)
        yield MaskedTokens(some, places[some, :length], values[some, :length, None], bias)


def _groups(lengths: Tensor, budget: int) -> Iterator[tuple[Tensor, int]]:
    """Indices of sequences of like length, and their longest's; ``budget`` tokens at most."""
    ordered, order = lengths.sort(descending=True)
    sizes, start = ordered.tolist(), 0
    while start < len(sizes):
        longest = sizes[start]
        fitting = sizes[start : start + max(1, budget // longest)]
        count = sum(size >= ALIKE * longest for size in fitting)
        yield order[start : start + count], longest
        start += count


def _zeros_bias(values: Tensor, length: int) -> Tensor:
    """Bias (G, 1, 1, length) that lets the zeros among the first tokens stand for all of them."""
    present = values[:, :length] == 0
    share = (values == 0).sum(dim=1, keepdim=True) / present.sum(dim=1, keepdim=True).clamp(min=1)
    bias = torch.where(present, share.log(), 0.0)
    return bias[:, None, None]
