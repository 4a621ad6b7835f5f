"""Fast form of a transformer's block: chosen queries, prepared weights, any precision."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from refmask.clip.kernels.linear import Linear, as_rows
from refmask.clip.transformer import QUICK, LayerScale, QuickGELU


class FastBlock:
    """One block of either transformer.

    Matrix products and attention run in ``precision``; the tokens between them, the layer norms
    and the sums stay in float32, which costs next to no time and keeps bfloat16 three times closer
    to float32 than tokens in bfloat16 would. Weights are the block's own where ``Linear`` can read
    them as they are, else copies, made when first needed at the latest.

    Args:
        block: a ``transformer.Block``, in float32.
        precision: torch.float32 or torch.bfloat16.
    """

    def __init__(self, block: Any, precision: torch.dtype) -> None:
        self.precision = precision
        self._attention = block.attn
        self._norms = (block.ln_1, block.ln_2)
        inner, activation, outer = block.mlp
        scale = 1.0
        if isinstance(activation, QuickGELU) and precision != torch.float32:
            # Quick GELU is SiLU(QUICK * x) / QUICK: one pass over memory instead of three, when
            # weights that are copied anyway take up the factors.
            activation, scale = functional.silu, QUICK
        self._activation: Callable[[Tensor], Tensor] = activation
        self._out = Linear(*_scaled(block.attn.out_proj, block.ls_1), precision)
        self._inner = Linear(_times(scale, inner.weight), _times(scale, inner.bias), precision)
        weight, bias = _scaled(outer, block.ls_2)
        self._outer = Linear(_times(1 / scale, weight), bias, precision)

    def __call__(
        self, tokens: Tensor, queries: Tensor | None = None, bias: Tensor | None = None
    ) -> Tensor:
        """Run the block.

        Args:
            tokens: float32 (B, L, width), what is attended to.
            queries: float32 (B, Q, width), the tokens whose outputs are wanted; ``tokens`` when
                None. With the class token alone, most of the block's work falls away.
            bias: added to the attention's logits, broadcast to (B, heads, Q, L); see ``attend``
                for its type.

        Returns:
            float32 (B, Q, width).
        """
        normed = self._norm(0, tokens)
        if queries is None:
            queries = tokens
            query, key, value = _as(tokens, self._all(normed)).chunk(3, dim=2)
        else:
            query = _as(queries, self._query(self._norm(0, queries)))
            key, value = _as(tokens, self._key_value(normed)).chunk(2, dim=2)
        attended = self.attend(query, key, value, bias)
        return self.finish(queries, attended)

    def keys(self, tokens: Tensor) -> Tensor:
        """Keys of the attention, heads concatenated: float32 (B, L, width) to the same."""
        return _as(tokens, self._key(self._norm(0, tokens))).float()

    def attend(
        self, query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None = None
    ) -> Tensor:
        """Softmax attention of (B, Q, width) queries to (B, L, width) keys and values.

        With a bias it is computed in the bias's type: float32 for one that bfloat16 would round,
        since torch's kernels for graphics cards refuse or misread a bias of another type than the
        queries', and attention is a small part of a block.
        """
        if bias is not None:
            query, key, value = (part.to(bias.dtype) for part in (query, key, value))
        # (B, L, width) -> (B, heads, L, width / heads)
        query, key, value = (
            part.view(*part.shape[:2], self._attention.heads, -1).transpose(1, 2)
            for part in (query, key, value)
        )
        attended = functional.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        return attended.transpose(1, 2).flatten(2).to(self.precision)

    def finish(self, tokens: Tensor, attended: Tensor) -> Tensor:
        """What the block makes of tokens, float32 (B, L, width), once they have attended."""
        rows = as_rows(attended, self.precision)
        tokens = tokens + _as(tokens, self._out(rows))
        hidden = self._activation(self._inner(self._norm(1, tokens)))
        return tokens.add_(_as(tokens, self._outer(hidden)))

    def _norm(self, number: int, tokens: Tensor) -> Tensor:
        """Normed tokens as rows."""
        return as_rows(self._norms[number](tokens), self.precision)

    @cached_property
    def _all(self) -> Linear:
        return self._projection(0, 3)

    @cached_property
    def _query(self) -> Linear:
        return self._projection(0, 1)

    @cached_property
    def _key(self) -> Linear:
        return self._projection(1, 2)

    @cached_property
    def _key_value(self) -> Linear:
        return self._projection(1, 3)

    def _projection(self, first: int, last: int) -> Linear:
        """Some of the layer that makes queries, keys and values, in this order."""
        weight, bias = self._attention.in_proj_weight, self._attention.in_proj_bias
        width = weight.shape[1]
        rows = slice(first * width, last * width)
        return Linear(weight[rows], bias[rows], self.precision)


def _as(tokens: Tensor, rows: Tensor) -> Tensor:
    """Rows (R, width) as the tokens (B, L, ...) that they were made of: (B, L, width)."""
    count, length, _ = tokens.shape
    return rows[: count * length].view(count, length, -1)


def _times(factor: float, parameter: Tensor) -> Tensor:
    """A parameter times a factor; not copied without need."""
    return parameter if factor == 1 else parameter * factor


def _scaled(layer: nn.Linear, scale: nn.Module) -> tuple[Tensor, Tensor]:
    """Weight and bias of a linear layer with the layer scale behind it, if any, taken up."""
    if not isinstance(scale, LayerScale):
        return layer.weight, layer.bias
    return layer.weight * scale.gamma[:, None], layer.bias * scale.gamma
