"""Token masking in open_clip's vision transformer (equation 3, supplement C).

This is the only file that touches the private parts of that class: ``_embeds``,
``transformer.resblocks`` and ``_pool``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from refmask.errors import ConfigurationError, UnsupportedTower

#: The paper's k (supplement C, figure 12), keyed by patch side, width and depth.
PAPER_MASK_LAYERS = {(32, 768, 12): 3, (16, 768, 12): 2, (14, 1024, 24): 4}


class VitTower:
    """A vision transformer whose last blocks see only a mask's tokens.

    Args:
        visual: an ``open_clip.transformer.VisionTransformer``.

    Raises:
        UnsupportedTower: when its feature is not the class token's.
    """

    family = "vit"
    settings = frozenset({"mask_layers"})

    def __init__(self, visual: Any) -> None:
        self.visual = visual
        if visual.attn_pool is not None or visual.pool_type != "tok":
            pooling = "attentional" if visual.attn_pool is not None else visual.pool_type
            raise UnsupportedTower(
                f"expected a vision transformer that answers with its class token, got {pooling} "
                "pooling; token masking is not defined for it, try ViT-B-16"
            )
        self.grid: tuple[int, int] = tuple(visual.grid_size)
        self.depth = len(visual.transformer.resblocks)
        shape = (visual.patch_size[0], visual.transformer.width, self.depth)
        #: The paper's k for this tower, else a quarter of its depth.
        self.mask_layers = PAPER_MASK_LAYERS.get(shape, max(1, round(self.depth / 4)))

    def look(self, pixels: Tensor, mask_layers: int | None = None) -> Callable[[Tensor], Tensor]:
        """Run the blocks before the first masked one; the returned function runs the rest.

        In each of the last k blocks the patch tokens are multiplied by the mask before the
        block. The class token is left alone and its final output is the feature. Tokens outside
        the mask become zero vectors but stay as keys.

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
        blocks = self.visual.transformer.resblocks
        shared = self.visual._embeds(pixels)  # (1, 1 + h*w, width), class token first
        for block in blocks[: self.depth - last]:
            shared = block(shared)

        def pool(masks: Tensor) -> Tensor:
            # (N, h, w) -> (N, 1 + h*w, 1), a one in front for the class token
            keep = torch.cat([masks.new_ones(len(masks), 1), masks.flatten(1)], dim=1)[:, :, None]
            keep, tokens = keep.to(shared.dtype), shared.expand(len(masks), -1, -1)
            for block in blocks[self.depth - last :]:
                tokens = block(tokens * keep)
            feature: Tensor = self.visual._pool(tokens[:, :1])[0]
            return feature if self.visual.proj is None else feature @ self.visual.proj

        return pool
