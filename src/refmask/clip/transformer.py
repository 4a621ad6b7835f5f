"""The transformer of CLIP's image and text towers, in plain torch.

Parameters have the names of OpenAI's checkpoints, here and in the towers. ``kernels/blocks.py`` is
the fast form.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

#: Quick GELU is x * sigmoid(QUICK * x).
QUICK = 1.702


@dataclass(frozen=True)
class TransformerConfig:
    """Sizes of a transformer.

    Attributes:
        width: of tokens.
        layers: number of blocks.
        heads: of the attention; their number divides the width.
        mlp_ratio: width of the perceptron's hidden layer over that of tokens.
        activation: "gelu", "tanh" (GELU's approximation by tanh) or "quick" (OpenAI's).
        eps: of the layer norms.
        layer_scale: whether each branch of a block ends in a factor for each channel.
    """

    width: int
    layers: int
    heads: int
    mlp_ratio: float = 4.0
    activation: str = "gelu"
    eps: float = 1e-5
    layer_scale: bool = False

    def norm(self) -> nn.LayerNorm:
        """A layer norm of tokens."""
        return nn.LayerNorm(self.width, self.eps)


class QuickGELU(nn.Module):
    """OpenAI's approximation of GELU."""

    def forward(self, values: Tensor) -> Tensor:
        """Any shape."""
        return values * torch.sigmoid(QUICK * values)


class LayerScale(nn.Module):
    """A learnt factor for each channel."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.empty(width))

    def forward(self, tokens: Tensor) -> Tensor:
        """(..., width) to the same."""
        return tokens * self.gamma


class Attention(nn.Module):
    """Softmax attention; one linear layer makes queries, keys and values, in this order."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.empty(3 * width))
        self.out_proj = nn.Linear(width, width)

    def forward(self, tokens: Tensor, bias: Tensor | None = None) -> Tensor:
        """Tokens (B, L, width) to the same; a bias (L, L) is added to the logits."""
        projected = functional.linear(tokens, self.in_proj_weight, self.in_proj_bias)
        # (B, L, 3 * width) -> three of (B, heads, L, width / heads)
        query, key, value = (
            part.view(*part.shape[:2], self.heads, -1).transpose(1, 2)
            for part in projected.chunk(3, dim=2)
        )
        attended = functional.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        # (B, heads, L, width / heads) -> (B, L, width)
        mixed: Tensor = self.out_proj(attended.transpose(1, 2).flatten(2))
        return mixed


class Block(nn.Module):
    """Attention and a perceptron, each behind a layer norm and added to its input."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        width, hidden = config.width, int(config.width * config.mlp_ratio)
        activation = {
            "gelu": nn.GELU(),
            "tanh": nn.GELU(approximate="tanh"),
            "quick": QuickGELU(),
        }[config.activation]
        self.ln_1 = config.norm()
        self.attn = Attention(width, config.heads)
        self.ls_1 = LayerScale(width) if config.layer_scale else nn.Identity()
        self.ln_2 = config.norm()
        self.mlp = nn.Sequential(
            OrderedDict(
                c_fc=nn.Linear(width, hidden), gelu=activation, c_proj=nn.Linear(hidden, width)
            )
        )
        self.ls_2 = LayerScale(width) if config.layer_scale else nn.Identity()

    def forward(self, tokens: Tensor, bias: Tensor | None = None) -> Tensor:
        """Tokens (B, L, width) to the same; ``bias`` as in ``Attention``."""
        tokens = tokens + self.ls_1(self.attn(self.ln_1(tokens), bias))
        done: Tensor = tokens + self.ls_2(self.mlp(self.ln_2(tokens)))
        return done


class Transformer(nn.Module):
    """Blocks, one after the other."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.config = config
        self.resblocks = nn.ModuleList(Block(config) for _ in range(config.layers))

    def forward(self, tokens: Tensor, bias: Tensor | None = None) -> Tensor:
        """Tokens (B, L, width) to the same; ``bias`` as in ``Attention``."""
        for block in self.resblocks:
            tokens = block(tokens, bias)
        return tokens
