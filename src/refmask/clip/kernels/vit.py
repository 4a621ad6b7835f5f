"""Fast form of the vision transformer: few tokens for each mask, and region tokens.

``sparse.py`` says why few tokens answer as all of equation 3 do.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional

from refmask.clip.kernels.blocks import FastBlock
from refmask.clip.kernels.linear import PLACES
from refmask.clip.kernels.sparse import masked_tokens
from refmask.clip.vit import VisionTransformer
from refmask.errors import ConfigurationError
from refmask.ops.devices import exact_convolutions

#: Region tokens that run with an image's at a time. Fewer would run the image more often, more
#: would attend to each other in vain.
REGIONS = 512


class VitTower:
    """A vision transformer whose last blocks see only a mask's tokens.

    Pixels and features are float32 on the tower's device.

    Args:
        visual: in float32.
        precision: torch.float32 or torch.bfloat16, of the blocks' matrix products.

    Attributes:
        family: names the compatibility record.
        settings: keyword arguments of ``masked``.
        maps: kinds of maps that ``dense`` gives.
        grid: h, w of the tokens that masks are applied to.
        stride: pixels along each side of a patch.
        depth: number of blocks.
        mask_layers: the paper's k for this tower.
    """

    family = "vit"
    settings = frozenset({"mask_layers"})
    maps = frozenset({"features", "keys"})

    def __init__(self, visual: VisionTransformer, precision: torch.dtype) -> None:
        self.visual = visual
        self.precision = precision
        self.grid = visual.grid
        self.stride = visual.patch_size
        self.depth = len(visual.transformer.resblocks)
        self.mask_layers = visual.mask_layers

    @cached_property
    def blocks(self) -> list[FastBlock]:
        """The transformer's blocks, made when first asked for: by then the weights are there."""
        return [FastBlock(block, self.precision) for block in self.visual.transformer.resblocks]

    def encode(self, pixels: Tensor) -> Tensor:
        """Ordinary image features: pixels (B, 3, S, S) to (B, D)."""
        tokens = self._embed(pixels, self.grid)
        for block in self.blocks[:-1]:
            tokens = block(tokens)
        # The answer is the class token's, whose keys and values come from all tokens.
        return self.visual.answer(self.blocks[-1](tokens, tokens[:, :1]))

    def masked(self, pixels: Tensor, mask_layers: int | None = None) -> Callable[[Tensor], Tensor]:
        """Run the blocks before the first masked one; the returned function runs the rest.

        Args:
            pixels: (1, 3, S, S).
            mask_layers: the paper's k, 1 to the depth; None for the tower's own.

        Returns:
            A function from masks (N, h, w), 0 to 1, any number, to features (N, D), as
            ``VisionTransformer.masked`` defines them.

        Raises:
            ConfigurationError: when k is out of range.
        """
        last = self.mask_layers if mask_layers is None else mask_layers
        if not 1 <= last <= self.depth:
            raise ConfigurationError(f"expected mask_layers from 1 to {self.depth}, got {last}")
        first, rest = self.blocks[: self.depth - last], self.blocks[self.depth - last :]
        shared = self._embed(pixels, self.grid)  # (1, 1 + h*w, width), class token first
        for block in first:
            shared = block(shared)

        def pool(masks: Tensor) -> Tensor:
            features = shared.new_empty((len(masks), self.visual.output_dim))
            for group in masked_tokens(masks, PLACES):
                tokens = shared[0, group.places] * group.values  # (G, L, width)
                for block in rest[:-1]:
                    tokens = block(tokens, bias=group.bias) * group.values
                final = rest[-1](tokens, tokens[:, :1], group.bias)
                features[group.masks] = self.visual.answer(final)
            return features

        return pool

    def regions(
        self,
        pixels: Tensor,
        padded_patches: bool = False,
        half_positions: bool = False,
        finite_exclusion: bool = False,
    ) -> Callable[[Tensor], Tensor]:
        """Embed an image; the returned function runs all blocks with a token per region.

        A region token starts as a copy of the class token and attends, in every block, to its
        own patches and to itself. The other tokens do not see it and run as ever.

        Args:
            pixels: (1, 3, S, S).
            padded_patches: see ``Compat``, as the next two.
            half_positions: see ``Compat``.
            finite_exclusion: see ``Compat``.

        Returns:
            A function from regions, bool (N, h, w), to features (N, D). A region of all patches
            gives the class token's feature.
        """
        positions: Tensor = self.visual.positional_embedding
        padding = self.stride // 2 - 1 if padded_patches else 0
        positions = positions.half().to(positions.dtype) if half_positions else positions
        # (1, 1 + h*w, width), class token first
        image = self.visual.sequence(self._patches(pixels, padding), positions)
        shut = -100.0 if finite_exclusion else -torch.inf

        def pool(regions: Tensor) -> Tensor:
            return torch.cat([pool_some(some) for some in torch.split(regions, REGIONS)])

        def pool_some(regions: Tensor) -> Tensor:
            count, length = len(regions), image.shape[1]
            # Who attends (rows) to whom (columns): class token, patches, then regions.
            open_ = torch.eye(length + count, dtype=torch.bool, device=image.device)
            open_[:length, :length] = True
            open_[length:, 1:length] = regions.flatten(1)
            exclusion = torch.zeros(open_.shape, device=image.device).masked_fill_(~open_, shut)
            tokens = torch.cat([image, image[:, :1].expand(1, count, -1)], dim=1)
            for block in self.blocks:
                tokens = block(tokens, bias=exclusion)
            return self.visual.answer(tokens[0, length:, None])

        return pool

    def dense(self, pixels: Tensor, kind: str) -> Tensor:
        """What the patch tokens hold at the end, for an image of any size.

        Args:
            pixels: (1, 3, H, W), sides multiples of ``stride``.
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
        # (1, 1 + h*w, width), class token first -> (1, width, h, w)
        return tokens[:, 1:].transpose(1, 2).reshape(1, -1, *grid)

    def _embed(self, pixels: Tensor, grid: tuple[int, int]) -> Tensor:
        """Tokens that enter the first block, positions resized to a grid other than the model's."""
        patches, positions = self._patches(pixels), self.visual.positional_embedding
        if grid == self.grid:
            return self.visual.sequence(patches)
        # (h0*w0, width) -> (1, width, h0, w0) -> (1, width, h, w) -> (h*w, width)
        places = positions[1:].T.reshape(1, -1, *self.grid)
        places = functional.interpolate(
            places, grid, mode="bicubic", align_corners=False, antialias=True
        )
        return self.visual.sequence(patches, torch.cat([positions[:1], places[0].flatten(1).T]))

    def _patches(self, pixels: Tensor, padding: int = 0) -> Tensor:
        """Patches (B, width, h, w) of pixels (B, 3, H, W), in float32."""
        with exact_convolutions(self.precision):
            return functional.conv2d(pixels, self.visual.conv1.weight, None, self.stride, padding)
