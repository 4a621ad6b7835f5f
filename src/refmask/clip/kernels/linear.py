"""Linear layers of the transformers, as precisely as asked and as the processor likes them."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

#: Tokens, or places of feature maps, that go through a tower at a time. It bounds memory. On a CPU,
#: 400 are about as fast per place and 5,000 are slower, by up to a third.
PLACES = 2560
#: Up to so many rows, matrix products in bfloat16 have a multiple of so many; any number beyond.
#: An expression and its noun phrase are 10 to 20 rows.
STEPS = {32: 4, 128: 16, 2048: 128}

#: What torch packs and multiplies with, under names of its own, which no release has to keep.
OPERATORS = ("_is_mkldnn_bf16_supported", "_reorder_linear_weight", "_linear_pointwise")


class Linear:
    """A linear layer in ``precision``.

    In bfloat16 on a processor that multiplies it, weights are kept in the order in which the
    library behind matrix products reads them, which it else makes anew for every product: for 16
    rows that takes half as long as the product itself, or longer.

    Args:
        weight: float32 (out, in); kept as it is where that is how it is read, else copied.
        bias: float32 (out,).
        precision: torch.float32 or torch.bfloat16.
    """

    def __init__(self, weight: Tensor, bias: Tensor, precision: torch.dtype) -> None:
        self._bias = bias.detach().to(precision)
        self._weight = weight.detach().to(precision)
        self._packed = packs(self._weight)
        if self._packed:
            self._weight = torch.ops.mkldnn._reorder_linear_weight(self._weight, None)

    def __call__(self, rows: Tensor) -> Tensor:
        """Rows (R, in) in our precision to rows (R, out)."""
        if self._packed:
            multiply = torch.ops.mkldnn._linear_pointwise
            product: Tensor = multiply(rows, self._weight, self._bias, "none", [], "")
            return product
        return functional.linear(rows, self._weight, self._bias)


def packs(weight: Tensor) -> bool:
    """Whether a weight can be kept in the order in which it is read."""
    return (
        weight.dtype == torch.bfloat16
        and weight.device.type == "cpu"
        and all(hasattr(torch.ops.mkldnn, name) for name in OPERATORS)
        and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    )


def as_rows(values: Tensor, precision: torch.dtype) -> Tensor:
    """Values (B, L, width) as rows (R, width) in a precision, R at least B * L.

    For each number of rows the library behind bfloat16's matrix products compiles a program, for
    about a millisecond, and keeps it in each thread, in about 0.7 MB. Masks and texts come in any
    number and length, so only few numbers of rows are let through; those of many images are few.
    """
    flat = values.flatten(0, 1)
    step = next((step for most, step in STEPS.items() if len(flat) <= most), 1)
    count = -(-len(flat) // step) * step
    if count == len(flat) or precision == torch.float32:
        return flat.to(precision)
    rows = flat.new_zeros((count, flat.shape[1]), dtype=precision)
    rows[: len(flat)] = flat
    return rows
