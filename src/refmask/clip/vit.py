"""Token masking in open_clip's vision transformer (equation 3, supplement C).

This is the only file that touches the private parts of that class: what ``_embeds`` is made of,
``transformer.resblocks``, ``ln_post`` and ``_pool``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from refmask.clip.blocks import Block, check_blocks
from refmask.clip.families import PLACES
from refmask.clip.sparse import masked_tokens
from refmask.errors import ConfigurationError, UnsupportedTower
from refmask.ops.devices import exact_convolutions

#: The paper's k (supplement C, figure 12), keyed by patch side, width and depth.
PAPER_MASK_LAYERS = {(32, 768, 12): 3, (16, 768, 12): 2, (14, 1024, 24): 4}
#: Region tokens that run with a picture's at a time. Fewer would run the picture more often, more
#: would attend to each other in vain.
REGIONS = 512


class VitTower:
    """A vision transformer whose last blocks see only a mask's tokens.

    Args:
        visual: an ``open_clip.transformer.VisionTransformer``, in float32.
        precision: torch.float32 or torch.bfloat16, of the blocks' matrix products.

    Raises:
        UnsupportedTower: when its feature is not the class token's, or its blocks are not
            open_clip's plain ones.
    """

    family = "vit"
    settings = frozenset({"mask_layers"})
    maps = frozenset({"features", "keys"})

    def __init__(self, visual: Any, precision: torch.dtype) -> None:
        self.visual = visual
        self.precision = precision
        check_blocks(visual.transformer)
        if visual.attn_pool is not None or visual.pool_type != "tok":
            pooling = "attentional" if visual.attn_pool is not None else visual.pool_type
            raise UnsupportedTower(
                f"expected a vision transformer that answers with its class token, got {pooling} "
                "pooling; token masking is not defined for it, try ViT-B-16"
            )
        self.grid: tuple[int, int] = tuple(visual.grid_size)
        self.stride = int(visual.patch_size[0])
        self.depth = len(visual.transformer.resblocks)
        shape = (visual.patch_size[0], visual.transformer.width, self.depth)
        #: The paper's k for this tower, else a quarter of its depth.
        self.mask_layers = PAPER_MASK_LAYERS.get(shape, max(1, round(self.depth / 4)))

    @cached_property
    def blocks(self) -> list[Block]:
        """The transformer's blocks, made when first asked for: by then the weights are there."""
        return [Block(block, self.precision) for block in self.visual.transformer.resblocks]

    def encode(self, pixels: Tensor) -> Tensor:
        """Ordinary image features: pixels (B, 3, S, S) to (B, D)."""
        tokens = self._embed(pixels, self.grid)
        for block in self.blocks[:-1]:
            tokens = block(tokens)
        # The answer is the class token's, whose keys and values come from all tokens.
        return self._answer(self.blocks[-1](tokens, tokens[:, :1]))

    def look(self, pixels: Tensor, mask_layers: int | None = None) -> Callable[[Tensor], Tensor]:
        """Run the blocks before the first masked one; the returned function runs the rest.

        In each of the last k blocks the patch tokens are multiplied by the mask before the
        block. The class token is left alone and its final output is the feature. Tokens outside
        the mask become zero vectors but stay as keys; ``sparse.py`` says why few of them are
        computed.

        Args:
            pixels: float (1, 3, S, S).
            mask_layers: k, 1 to the depth; None for the tower's own.

        Returns:
            A function from masks (N, h, w), 0 to 1, to features (N, D).

        Raises:
            ConfigurationError: when k is out of range.
        """
        last = self.mask_layers if mask_layers is None else mask_layers
        if not 1 <= last <= self.depth:
            raise ConfigurationError(f"expected mask_layers from 1 to {self.depth}, got {last}")
        first, masked = self.blocks[: self.depth - last], self.blocks[self.depth - last :]
        shared = self._embed(pixels, self.grid)  # (1, 1 + h*w, width), class token first
        for block in first:
            shared = block(shared)

        def pool(masks: Tensor) -> Tensor:
            features = shared.new_empty((len(masks), self.visual.output_dim))
            for group in masked_tokens(masks, PLACES):
                tokens = shared[0, group.places] * group.values  # (G, L, width)
                for block in masked[:-1]:
                    tokens = block(tokens, bias=group.bias) * group.values
                final = masked[-1](tokens, tokens[:, :1], group.bias)
                features[group.masks] = self._answer(final)
            return features

        return pool

    def regions(
        self,
        pixels: Tensor,
        padded_patches: bool = False,
        half_positions: bool = False,
        finite_exclusion: bool = False,
    ) -> Callable[[Tensor], Tensor]:
        """Embed a picture; the returned function runs all blocks with a token per region.

        A region token starts as a copy of the class token and attends, in every block, to its
        own patches and to itself. The other tokens do not see it and run as ever.

        Args:
            pixels: float (1, 3, S, S).
            padded_patches: see ``Compat``, as the next two.
            half_positions: see ``Compat``.
            finite_exclusion: see ``Compat``.

        Returns:
            A function from regions, bool (N, h, w), to features (N, D). A region of all patches
            gives the class token's feature.
        """
        positions = self.visual.positional_embedding
        padding = self.stride // 2 - 1 if padded_patches else 0
        positions = positions.half().to(positions.dtype) if half_positions else positions
        picture = self._sequence(
            self._patches(pixels, padding), positions
        )  # (1, 1 + h*w, width), class token first
        shut = -100.0 if finite_exclusion else -torch.inf

        def pool(regions: Tensor) -> Tensor:
            return torch.cat([pool_some(some) for some in torch.split(regions, REGIONS)])

        def pool_some(regions: Tensor) -> Tensor:
            count, length = len(regions), picture.shape[1]
            # Who attends (rows) to whom (columns): class token, patches, then regions.
            open_ = torch.eye(length + count, dtype=torch.bool, device=picture.device)
            open_[:length, :length] = True
            open_[length:, 1:length] = regions.flatten(1)
            exclusion = torch.zeros(open_.shape, device=picture.device).masked_fill_(~open_, shut)
            tokens = torch.cat([picture, picture[:, :1].expand(1, count, -1)], dim=1)
            for block in self.blocks:
                tokens = block(tokens, bias=exclusion)
            return self._answer(tokens[0, length:, None])

        return pool

    def _answer(self, tokens: Tensor) -> Tensor:
        """Features (N, D) of final tokens (N, 1, width) that stand where the class token does."""
        feature: Tensor = self.visual._pool(tokens)[0]
        return feature if self.visual.proj is None else feature @ self.visual.proj

    def dense(self, pixels: Tensor, kind: str) -> Tensor:
        """What the patch tokens hold at the end, for a picture of any size.

        Args:
            pixels: float (1, 3, H, W), sides multiples of the patch's.
            kind: "features" for the tokens after the last block and the final layer norm, before
                the projection; "keys" for the keys of the last block's attention, heads
                concatenated, straight from the linear layer.

        Returns:
            (1, width, h, w) with h, w the patches along each side.
        """
        grid = (pixels.shape[2] // self.stride, pixels.shape[3] // self.stride)
        tokens = self._embed(pixels, grid)
        for block in self.blocks[:-1]:
            tokens = block(tokens)
        if kind == "keys":
            tokens = self.blocks[-1].keys(tokens)
        else:
            tokens = self.visual.ln_post(self.blocks[-1](tokens))
        # (1, 1 + h*w, width), class token first
        return tokens[:, 1:].transpose(1, 2).reshape(1, -1, *grid)

    def _embed(self, pixels: Tensor, grid: tuple[int, int]) -> Tensor:
        """Tokens that enter the first block, positions resized to a grid other than the model's."""
        positions = self.visual.positional_embedding
        if grid == self.grid:
            return self._sequence(self._patches(pixels), positions)
        # (h0*w0, width) -> (1, width, h0, w0) -> (1, width, h, w) -> (h*w, width)
        places = positions[1:].T.reshape(1, -1, *self.grid)
        places = functional.interpolate(
            places, grid, mode="bicubic", align_corners=False, antialias=True
        )
        positions = torch.cat([positions[:1], places[0].flatten(1).T])
        return self._sequence(self._patches(pixels), positions)

    def _patches(self, pixels: Tensor, padding: int = 0) -> Tensor:
        """Patches (B, width, h, w) of pixels (B, 3, H, W), in float32."""
        layer = self.visual.conv1
        with exact_convolutions(self.precision):
            return functional.conv2d(pixels, layer.weight, layer.bias, self.stride, padding)

    def _sequence(self, patches: Tensor, positions: Tensor) -> Tensor:
        """Tokens (B, 1 + h*w, width) that enter the first block, of patches (B, width, h, w)."""
        visual, patches = self.visual, patches.flatten(2).transpose(1, 2)
        tokens = torch.cat([visual.class_embedding.expand(len(patches), 1, -1), patches], 1)
        embedded: Tensor = visual.ln_pre(tokens + positions)
        return embedded
