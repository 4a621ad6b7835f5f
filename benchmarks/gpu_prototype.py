"""The paper's visual features of many images' masks with nothing left to the processor.

A prototype to see what a card can reach: default ``Compat``, vision transformers, images of one
size, masks in batches of one number. Everything has a fixed shape and nothing waits for the
processor, so that a whole group of images is one CUDA graph.

Letters: G images, N masks of each, H x W their size, S the side of the encoder's input, p of a
patch, L tokens.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from refmask.ops.pixels import PixelStatistics

#: Quick GELU is SiLU(QUICK * x) / QUICK.
QUICK = 1.702

Block = Callable[..., Tensor]


def unpacked(packed: Tensor) -> Tensor:
    """Bits as NumPy packs them, uint8 (..., W / 8), as bool (..., W)."""
    shifts = 7 - torch.arange(8, dtype=torch.uint8, device=packed.device)
    return (packed[..., None].bitwise_right_shift(shifts) & 1).flatten(-2).bool()


def taps(low: Tensor, high: Tensor, side: int, pixels: int, precision: torch.dtype) -> Tensor:
    """What each pixel of a row counts in a bicubic, antialiased resize of a part of it.

    Args:
        low: (M,), the first pixel of the part.
        high: (M,), behind its last.
        side: pixels of the result.
        pixels: of the row.
        precision: of the result.

    Returns:
        (M, side, pixels), 1 in sum over the last.
    """
    low, high = low.float()[:, None, None], high.float()[:, None, None]
    scale = (high - low) / side
    centres = low + (torch.arange(side, device=low.device)[:, None] + 0.5) * scale
    places = torch.arange(pixels, device=low.device)
    away = ((places + 0.5 - centres) / scale.clamp(min=1)).abs()
    near, far = (1.5 * away - 2.5) * away * away + 1, ((2.5 - 0.5 * away) * away - 4) * away + 2
    weights = torch.where(away < 1, near, far) * (away < 2)
    weights = weights * ((places >= low) & (places < high))
    return (weights / weights.sum(dim=2, keepdim=True)).to(precision)


def covers(pixels: int, cells: int, device: torch.device) -> Tensor:
    """The share of each cell that each pixel fills: float32 (cells, pixels), 1 in sum."""
    edges = torch.arange(cells + 1, device=device) * (pixels / cells)
    left = torch.arange(pixels, device=device)
    overlap = torch.minimum(edges[1:, None], left + 1) - torch.maximum(edges[:-1, None], left)
    return overlap.clamp(min=0) * (cells / pixels)


def cut(pixels: Tensor, masks: Tensor, boxes: Tensor, side: int) -> Tensor:
    """Crops as two matrix products: antialiased, the mean colour outside the mask.

    Args:
        pixels: (G, H, 3, W), normalised.
        masks: bool (G, N, H, W).
        boxes: (G, N, 4) XYXY, half-open.
        side: S.

    Returns:
        (G * N, S, 3, S), rows, channels, columns.
    """
    height, width = masks.shape[2:]
    x1, y1, x2, y2 = boxes.flatten(0, 1).unbind(1)
    rows = taps(y1, y2, side, height, pixels.dtype)
    columns = taps(x1, x2, side, width, pixels.dtype)
    seen = (pixels[:, None] * masks[:, :, :, None]).flatten(0, 1)  # (G * N, H, 3, W)
    return resized(seen, rows, columns)


def whole(pixels: Tensor, side: int) -> Tensor:
    """Whole images (G, H, 3, W), resized to (G, S, 3, S)."""
    _, height, _, width = pixels.shape
    start = torch.zeros(1, device=pixels.device)
    rows = taps(start, start + height, side, height, pixels.dtype)
    columns = taps(start, start + width, side, width, pixels.dtype)
    return resized(pixels, rows.expand(len(pixels), -1, -1), columns.expand(len(pixels), -1, -1))


def resized(pixels: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """(M, H, 3, W) by weights (M, S, H) and (M, S, W) to (M, S, 3, S)."""
    side, width = rows.shape[1], pixels.shape[3]
    high = (rows @ pixels.flatten(2)).view(-1, side * 3, width)
    return (high @ columns.mT).unflatten(1, (side, 3))


def block(tokens: Tensor, weights: tuple[Tensor, ...], heads: int, wanted: int | None) -> Tensor:
    """One residual attention block.

    Args:
        tokens: (B, L, width), in the type that they are summed up in.
        weights: of one block, from ``Encoder``.
        heads: of the attention.
        wanted: so many tokens' outputs; all when None.
    """
    norm, norm_bias, joint, joint_bias, out, out_bias, *perceptron = weights
    second, second_bias, inner, inner_bias, outer, outer_bias = perceptron
    width, precision = tokens.shape[2:], joint.dtype
    rows = functional.layer_norm(tokens, width, norm, norm_bias).to(precision)
    parts = functional.linear(rows, joint, joint_bias).unflatten(2, (3, heads, -1))
    query, key, value = parts.permute(2, 0, 3, 1, 4)  # (B, heads, L, width / heads)
    attended = functional.scaled_dot_product_attention(query[:, :, :wanted], key, value)
    tokens = tokens[:, :wanted] + functional.linear(
        attended.transpose(1, 2).flatten(2), out, out_bias
    )
    rows = functional.layer_norm(tokens, width, second, second_bias).to(precision)
    hidden = functional.silu(functional.linear(rows, inner, inner_bias))
    return tokens + functional.linear(hidden, outer, outer_bias)


class Encoder:
    """A vision transformer with quick GELU as products of few large matrices.

    Args:
        visual: a ``refmask.clip.vit.VisionTransformer``, in float32.
        precision: of the products.
        summed: the type that tokens are summed up in.
        run: computes a block; ``block``, or what a compiler makes of it.
    """

    def __init__(
        self, visual: Any, precision: torch.dtype, summed: torch.dtype, run: Block = block
    ) -> None:
        self.run = run
        self.grid, self.patch = visual.grid[0], visual.patch_size
        self.heads = visual.transformer.resblocks[0].attn.heads
        self.precision = precision
        self._patches = visual.conv1.weight.detach().flatten(1).to(precision)
        self._class, self._places = (
            part.detach().to(summed)
            for part in (visual.class_embedding, visual.positional_embedding)
        )
        self._first, self._last = (
            (norm.weight.detach().to(summed), norm.bias.detach().to(summed))
            for norm in (visual.ln_pre, visual.ln_post)
        )
        self._answers = visual.proj.detach().to(precision)
        self._blocks = [_weights(part, precision, summed) for part in visual.transformer.resblocks]

    def encode(self, pixels: Tensor) -> Tensor:
        """Features (B, D) of pixels (B, S, 3, S)."""
        tokens = self._embed(pixels)
        for weights in self._blocks[:-1]:
            tokens = self.run(tokens, weights, self.heads, None)
        return self._answer(self.run(tokens, self._blocks[-1], self.heads, 1))

    def masked(self, pixels: Tensor, masks: Tensor, last: int) -> Tensor:
        """Features of masks in their images, all tokens computed (equation 3).

        Args:
            pixels: (G, S, 3, S).
            masks: (G, N, h, w), 0 to 1.
            last: k, the blocks that see masked tokens.

        Returns:
            (G * N, D).
        """
        tokens = self._embed(pixels)
        first = len(self._blocks) - last
        for weights in self._blocks[:first]:
            tokens = self.run(tokens, weights, self.heads, None)
        values = functional.pad(masks.flatten(2), (1, 0), value=1.0)[..., None].to(tokens.dtype)
        tokens = (tokens[:, None] * values).flatten(0, 1)
        for weights in self._blocks[first:-1]:
            tokens = self.run(tokens, weights, self.heads, None) * values.flatten(0, 1)
        return self._answer(self.run(tokens, self._blocks[-1], self.heads, 1))

    def _embed(self, pixels: Tensor) -> Tensor:
        """Tokens (B, L, width) of pixels (B, S, 3, S)."""
        parts = pixels.to(self.precision).unflatten(3, (self.grid, self.patch))
        parts = parts.unflatten(1, (self.grid, self.patch))  # (B, h, p, 3, w, p)
        rows = parts.permute(0, 1, 4, 3, 2, 5).flatten(3).flatten(1, 2)
        patches = functional.linear(rows, self._patches).to(self._places.dtype)
        first = self._class.expand(len(patches), 1, -1)
        tokens = torch.cat([first, patches], dim=1) + self._places
        return functional.layer_norm(tokens, tokens.shape[2:], *self._first)

    def _answer(self, tokens: Tensor) -> Tensor:
        normed = functional.layer_norm(tokens[:, 0], tokens.shape[2:], *self._last)
        return (normed.to(self.precision) @ self._answers).float()


class Cutter:
    """From uint8 images and bits of masks to what an encoder reads.

    Args:
        statistics: how the encoder wants pixels.
        grid: h and w of its feature map.
        device: where it computes.
        precision: of pixels and weights; half precision has a tenth of a grey level.
    """

    def __init__(
        self, statistics: PixelStatistics, grid: int, device: torch.device, precision: torch.dtype
    ) -> None:
        self.side, self.grid, self.precision = statistics.side, grid, precision
        self.mean, self.std = (
            torch.tensor(part, device=device) for part in (statistics.mean, statistics.std)
        )

    def __call__(self, images: Tensor, packed: Tensor, boxes: Tensor) -> tuple[Tensor, ...]:
        """All that two encoders of G images read.

        Args:
            images: uint8 (G, H, W, 3).
            packed: masks as bits, uint8 (G, N, H, W / 8).
            boxes: (G, N, 4) XYXY, half-open.

        Returns:
            Images (G, S, 3, S), masks (G, N, h, w) from 0 to 1, and crops (G * N, S, 3, S).
        """
        pixels = (images.float() / 255 - self.mean) / self.std
        pixels = pixels.to(self.precision).transpose(2, 3)  # (G, H, 3, W)
        masks = unpacked(packed)
        rows, columns = (
            covers(size, self.grid, images.device).to(self.precision) for size in masks.shape[2:]
        )
        soft = rows @ masks.to(self.precision) @ columns.T
        return whole(pixels, self.side), soft, cut(pixels, masks, boxes, self.side)


def look(
    encoder: Encoder,
    cutter: Callable[..., tuple[Tensor, ...]],
    last: int,
    images: Tensor,
    packed: Tensor,
    boxes: Tensor,
) -> Tensor:
    """Both visual features of all masks of some images, normalised.

    Args:
        encoder: of the features.
        cutter: a ``Cutter``, or what a compiler makes of it.
        last: the paper's k.
        images: as ``Cutter`` takes them, and the next two.
        packed: masks.
        boxes: of the masks.

    Returns:
        float32 (2, G * N, D): in context, and alone.
    """
    images, soft, crops = cutter(images, packed, boxes)
    features = encoder.masked(images, soft, last), encoder.encode(crops)
    return functional.normalize(torch.stack(features), dim=2)


def _weights(part: Any, precision: torch.dtype, summed: torch.dtype) -> tuple[Tensor, ...]:
    """What ``block`` reads, the factors of quick GELU taken up."""
    inner, _, outer = part.mlp
    norms = [value for norm in (part.ln_1, part.ln_2) for value in (norm.weight, norm.bias)]
    first, first_bias, second, second_bias = (value.detach().to(summed) for value in norms)
    products = (
        *(part.attn.in_proj_weight, part.attn.in_proj_bias),
        *(part.attn.out_proj.weight, part.attn.out_proj.bias),
        *(inner.weight * QUICK, inner.bias * QUICK, outer.weight / QUICK, outer.bias),
    )
    joint, joint_bias, out, out_bias, *perceptron = (p.detach().to(precision) for p in products)
    return (
        *(first, first_bias, joint, joint_bias, out, out_bias),
        *(second, second_bias, *perceptron),
    )
