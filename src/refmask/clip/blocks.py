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
        normed = self._norm(0, tokens)
        if queries is None:
            queries = tokens
            query, key, value = functional.linear(normed, *self._into).chunk(3, dim=2)
        else:
            width = tokens.shape[2]
            weight, offset = self._into
            query = functional.linear(self._norm(0, queries), weight[:width], offset[:width])
            both = functional.linear(normed, weight[width:], offset[width:])
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
        return functional.linear(self._norm(0, tokens), weight, offset).float()

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
        """What the block makes of tokens, float32 (..., width), once they have attended."""
        tokens = tokens + functional.linear(attended, *self._out)
        hidden = self._activation(functional.linear(self._norm(1, tokens), *self._inner))
        return tokens.add_(functional.linear(hidden, *self._outer))

    def _norm(self, number: int, tokens: Tensor) -> Tensor:
        norm = self._norms[number]
        normed = functional.layer_norm(
            tokens, norm.normalized_shape, norm.weight, norm.bias, norm.eps
        )
        return normed.to(self.precision)

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
