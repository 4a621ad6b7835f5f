"""CLIP's vision transformer, with token masking (equation 3).

Written for reading; ``kernels/vit.py`` computes the same features fast.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from refmask.clip.transformer import Transformer, TransformerConfig

#: The paper's k (supplement C, figure 12), by patch side, width and depth.
PAPER_MASK_LAYERS = {(32, 768, 12): 3, (16, 768, 12): 2, (14, 1024, 24): 4}


class VisionTransformer(nn.Module):
    """A vision transformer whose feature is its class token.

    Args:
        config: of its blocks.
        side: S, pixels along each side of an image.
        patch: pixels along each side of a patch.
        output: D, width of a feature.
        norm_first: whether tokens are normalised before the first block.
    """

    def __init__(
        self, config: TransformerConfig, side: int, patch: int, output: int, norm_first: bool = True
    ) -> None:
        super().__init__()
        width = config.width
        self.image_size, self.patch_size, self.output_dim = side, patch, output
        self.grid = (side // patch, side // patch)
        self.conv1 = nn.Conv2d(3, width, patch, patch, bias=False)
        self.class_embedding = nn.Parameter(torch.empty(width))
        self.positional_embedding = nn.Parameter(torch.empty(1 + (side // patch) ** 2, width))
        self.ln_pre = config.norm() if norm_first else nn.Identity()
        self.transformer = Transformer(config)
        self.ln_post = config.norm()
        self.proj = nn.Parameter(torch.empty(width, output))

    @property
    def mask_layers(self) -> int:
        """The paper's k for this tower, else a quarter of its depth."""
        config = self.transformer.config
        shape = (self.patch_size, config.width, config.layers)
        return PAPER_MASK_LAYERS.get(shape, max(1, round(config.layers / 4)))

    def forward(self, pixels: Tensor) -> Tensor:
        """Image features: pixels float32 (B, 3, S, S) to (B, D)."""
        return self.answer(self.transformer(self.sequence(self.conv1(pixels))))

    def masked(self, pixels: Tensor, masks: Tensor, mask_layers: int) -> Tensor:
        """Mask-guided features by token masking (equation 3).

        Each of the last k blocks first multiplies the patch tokens by the mask. Tokens outside
        become zero vectors and remain as keys; the class token is unchanged.

        To read: ``reference.token_masking``.

        Args:
            pixels: float32 (1, 3, S, S).
            masks: float32 (N, h, w) at ``grid``, 0 to 1.
            mask_layers: k, 1 to the depth.

        Returns:
            (N, D).
        """
        tokens = self.sequence(self.conv1(pixels))  # (1, 1 + h*w, width), the class token first
        # (N, h, w) -> (N, 1 + h*w, 1), a one for the class token
        keep = functional.pad(masks.flatten(1), (1, 0), value=1)[..., None]
        for number, block in enumerate(self.transformer.resblocks):
            masked = number >= len(self.transformer.resblocks) - mask_layers
            tokens = block(tokens * keep if masked else tokens)
        return self.answer(tokens)

    def sequence(self, patches: Tensor, positions: Tensor | None = None) -> Tensor:
        """The tokens that enter the first block, the class token first.

        Args:
            patches: (B, width, h, w).
            positions: (1 + h*w, width); the tower's own where None.

        Returns:
            (B, 1 + h*w, width).
        """
        positions = self.positional_embedding if positions is None else positions
        patches = patches.flatten(2).transpose(1, 2)  # (B, width, h, w) -> (B, h*w, width)
        tokens = torch.cat([self.class_embedding.expand(len(patches), 1, -1), patches], dim=1)
        embedded: Tensor = self.ln_pre(tokens + positions)
        return embedded

    def answer(self, tokens: Tensor) -> Tensor:
        """Features (B, D) of final tokens (B, L, width), the class token first."""
        feature: Tensor = self.ln_post(tokens[:, 0]) @ self.proj
        return feature
