"""Residual attention blocks of open_clip's transformers, computed where and as precisely as asked.

The only file that touches the private parts of ``ResidualAttentionBlock``. Image and text towers
share it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from refmask.errors import UnsupportedTower

#: Quick GELU is x * sigmoid(QUICK * x).
QUICK = 1.702

#: Up to so many rows, matrix products in bfloat16 have a multiple of so many; any number beyond.
STEPS = {128: 16, 2048: 128}


class Block:
    """One block: attention and a perceptron, each behind a layer norm and added to its input.

    Matrix products and attention run in ``precision``; the tokens between them, the layer norms
    and the sums stay in float32, which costs next to no time and keeps bfloat16 three times closer
    to float32 than tokens in bfloat16 would. Weights are the block's own where they are of that
    type already, else copies.

    Args:
        block: an ``open_clip.transformer.ResidualAttentionBlock``, its weights in float32; see
            ``check_blocks``.
        precision: torch.float32 or torch.bfloat16.
    """

    def __init__(self, block: Any, precision: torch.dtype) -> None:
        self.heads = int(block.attn.num_heads)
        self.precision = precision
        self._norms = (block.ln_1, block.ln_2)
        attention, (inner, activation, outer) = block.attn, block.mlp
        scale = 1.0
        if type(activation).__name__ == "QuickGELU" and precision != torch.float32:
            # Quick GELU is SiLU(QUICK * x) / QUICK: one pass over memory instead of three, when
            # weights that are copied anyway take up the factors.
            activation, scale = functional.silu, QUICK
        self._activation: Callable[[Tensor], Tensor] = activation
        self._into = self._affine(attention.in_proj_weight, attention.in_proj_bias)
        self._out = self._affine(*_layer_scaled(attention.out_proj, block.ls_1))
        self._inner = self._affine(inner.weight, inner.bias, scale, scale)
        self._outer = self._affine(*_layer_scaled(outer, block.ls_2), 1 / scale)

    def __call__(
        self,
        tokens: Tensor,
        queries: Tensor | None = None,
        bias: Tensor | None = None,
        causal: bool = False,
    ) -> Tensor:
        """Run the block.

        Args:
            tokens: float32 (B, L, width), what is attended to.
            queries: float32 (B, Q, width), the tokens whose outputs are wanted; ``tokens`` when
                None. With the class token alone, most of the block's work falls away.
            bias: added to the attention's logits, float32, broadcast to (B, heads, Q, L).
            causal: token i attends to tokens 0 to i only; not together with ``queries``.

        Returns:
            float32 (B, Q, width).
        """
        normed, width = self._norm(0, tokens), tokens.shape[2]
        if queries is None:
            queries = tokens
            query, key, value = self._linear(normed, tokens, *self._into).chunk(3, dim=2)
        else:
            weight, offset = self._into
            asked = self._norm(0, queries)
            query = self._linear(asked, queries, weight[:width], offset[:width])
            both = self._linear(normed, tokens, weight[width:], offset[width:])
            key, value = both.chunk(2, dim=2)
        attended = self.attend(query, key, value, bias, causal)
        return self.finish(queries, attended)

    def keys(self, tokens: Tensor) -> Tensor:
        """Keys of the attention, heads concatenated, straight from the linear layer.

        Args:
            tokens: float32 (B, L, width).

        Returns:
            float32 (B, L, width).
        """
        # The linear layer's rows are queries, keys, values, in this order.
        weight, offset = (both.chunk(3)[1] for both in self._into)
        return self._linear(self._norm(0, tokens), tokens, weight, offset).float()

    def attend(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        bias: Tensor | None = None,
        causal: bool = False,
    ) -> Tensor:
        """Softmax attention of (B, Q, width) queries to (B, L, width) keys and values.

        With a bias it is computed in float32. In bfloat16 the bias would be rounded to 8 bits,
        and torch's kernels for graphics cards refuse or misread one of another type than the
        queries'; attention is a small part of a block.
        """
        if bias is not None:
            query, key, value = (part.to(bias.dtype) for part in (query, key, value))
        # (B, L, width) -> (B, heads, L, width / heads)
        query, key, value = (
            part.view(*part.shape[:2], self.heads, -1).transpose(1, 2)
            for part in (query, key, value)
        )
        attended = functional.scaled_dot_product_attention(
            query, key, value, attn_mask=bias, is_causal=causal
        )
        return attended.transpose(1, 2).flatten(2).to(self.precision)

    def finish(self, tokens: Tensor, attended: Tensor) -> Tensor:
        """What the block makes of tokens, float32 (B, L, width), once they have attended."""
        tokens = tokens + self._linear(self._rows(attended), tokens, *self._out)
        hidden = self._activation(functional.linear(self._norm(1, tokens), *self._inner))
        return tokens.add_(self._linear(hidden, tokens, *self._outer))

    def _norm(self, number: int, tokens: Tensor) -> Tensor:
        """Normed tokens as rows."""
        norm = self._norms[number]
        return self._rows(
            functional.layer_norm(tokens, norm.normalized_shape, norm.weight, norm.bias, norm.eps)
        )

    def _rows(self, values: Tensor) -> Tensor:
        """Values (B, L, width) as rows (R, width) in our precision, R at least B * L.

        For each number of rows the library behind bfloat16's matrix products compiles a program,
        for about a millisecond, and keeps it in each thread, in about 0.7 MB. Masks and texts come
        in any number and length, so only few numbers of rows are let through; those of many
        pictures are few.
        """
        flat = values.flatten(0, 1)
        step = next((step for most, step in STEPS.items() if len(flat) <= most), 1)
        count = -(-len(flat) // step) * step
        if count == len(flat) or self.precision == torch.float32:
            return flat.to(self.precision)
        rows = flat.new_zeros((count, flat.shape[1]), dtype=self.precision)
        rows[: len(flat)] = flat
        return rows

    def _linear(self, rows: Tensor, like: Tensor, weight: Tensor, offset: Tensor) -> Tensor:
        """A linear layer's output for rows, (B, L, ...) as the tokens that they were made of."""
        count, length, _ = like.shape
        return functional.linear(rows, weight, offset)[: count * length].view(count, length, -1)

    def _affine(
        self, weight: Tensor, bias: Tensor, factor: float = 1.0, offset_factor: float = 1.0
    ) -> tuple[Tensor, Tensor]:
        """Weight and bias, each times its factor, in our precision; not copied without need."""
        pairs = ((weight.detach(), factor), (bias.detach(), offset_factor))
        weight, bias = (part if by == 1 else part * by for part, by in pairs)
        return weight.to(self.precision), bias.to(self.precision)


def _layer_scaled(layer: nn.Linear, scale: nn.Module) -> tuple[Tensor, Tensor]:
    """Weight and bias of a linear layer with the layer scale behind it, if any, taken up."""
    gamma = getattr(scale, "gamma", None)
    return (
        (layer.weight, layer.bias)
        if gamma is None
        else (
            layer.weight * gamma[:, None],
            layer.bias * gamma,
        )
    )


def check_blocks(transformer: Any) -> None:
    """Raise UnsupportedTower unless all blocks of a transformer are ``Block``'s kind."""
    for block in transformer.resblocks:
        plain = (
            type(block).__name__ == "ResidualAttentionBlock"
            and isinstance(block.ln_1, nn.LayerNorm)
            and isinstance(block.attn, nn.MultiheadAttention)
        )
        if not plain:
            raise UnsupportedTower(
                f"expected open_clip's plain transformer blocks, got {type(block).__name__}; leave "
                "out block_type, qk_norm and scale settings, or try ViT-B-16"
            )
