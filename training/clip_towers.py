"""The small CLIP: its shape, its forward passes in training and validation, its folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import open_clip
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

SIDE = 112
CONTEXT = 32
MERGES_FILE = "bpe_merges.txt.gz"
CONFIG_FILE = "open_clip_config.json"
WEIGHTS_FILE = "open_clip_model.safetensors"
#: Half grey, so that "mean fill" is a plain grey and not a colour that has a name.
MEAN, STD = 0.5, 0.25


def model_config(vocabulary: int) -> dict[str, Any]:
    """Arguments of open_clip's ``CLIP``; small enough for one core, large enough for the scenes."""
    return {
        "embed_dim": 128,
        "vision_cfg": {
            "image_size": SIDE,
            "patch_size": 16,
            "width": 160,
            "layers": 6,
            "head_width": 32,
        },
        "text_cfg": {
            "context_length": CONTEXT,
            "vocab_size": vocabulary,
            "tokenizer_kwargs": {"bpe_path": MERGES_FILE},
            "width": 128,
            "heads": 4,
            "layers": 3,
        },
    }


def build(vocabulary: int) -> open_clip.CLIP:
    """A freshly initialised model."""
    return open_clip.CLIP(**model_config(vocabulary))


def plain_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,  # noqa: ARG001 - the signature of the function it stands in for
    is_causal: bool = False,  # noqa: ARG001
) -> Tensor:
    """Attention as two matrix products, (..., L, head) each.

    Stands in for the fused CPU kernel while training: at these sizes the fused kernel's backward
    pass takes longer than all other operations together.
    """
    weights = (query * query.shape[-1] ** -0.5) @ key.transpose(-2, -1)
    if attn_mask is not None:
        weights = weights + attn_mask
    return torch.softmax(weights, dim=-1).to(value.dtype) @ value


def normalise(pixels: Tensor) -> Tensor:
    """uint8 (B, S, S, 3) images to float32 (B, 3, S, S) as the model reads them."""
    return pixels.permute(0, 3, 1, 2).float().div_(255).sub_(MEAN).div_(STD)


def encode_text(model: open_clip.CLIP, tokens: Tensor) -> Tensor:
    """Unit features (T, D) of tokens (T, L).

    Only as many positions as the longest text has are computed: attention is causal, so what
    follows the end mark cannot change it.
    """
    ends = tokens.argmax(dim=1)
    length = int(ends.max()) + 1
    hidden = model.token_embedding(tokens[:, :length]) + model.positional_embedding[:length]
    hidden = model.transformer(hidden, attn_mask=model.attn_mask[:length, :length])
    pooled = model.ln_final(hidden)[torch.arange(len(tokens)), ends]
    return functional.normalize((pooled @ model.text_projection).float(), dim=-1)


def encode_image(model: open_clip.CLIP, pixels: Tensor) -> Tensor:
    """Unit features (B, D) of normalised images (B, 3, S, S)."""
    return functional.normalize(model.visual(pixels).float(), dim=-1)


def encode_masked(
    model: open_clip.CLIP, pixels: Tensor, grids: list[Tensor], mask_layers: int
) -> list[Tensor]:
    """Global-context features by token masking in the last blocks (equation 3).

    Args:
        model: the model.
        pixels: (B, 3, S, S), normalised.
        grids: for each image (N, patches) in 0 to 1, what its masks cover of each patch.
        mask_layers: in how many last blocks the patch tokens are multiplied by the mask.

    Returns:
        For each image unit features (N, D).
    """
    visual = model.visual
    blocks = visual.transformer.resblocks
    split = len(blocks) - mask_layers
    hidden = visual._embeds(pixels)
    for block in blocks[:split]:
        hidden = block(hidden)
    counts = [len(grid) for grid in grids]
    hidden = hidden.repeat_interleave(torch.tensor(counts), dim=0)
    soft = torch.cat(grids)
    factors = torch.cat([torch.ones(len(soft), 1), soft], dim=1)[..., None].to(hidden.dtype)
    for block in blocks[split:]:
        hidden = block(hidden * factors)
    features = visual.ln_post(hidden[:, 0]) @ visual.proj
    return list(functional.normalize(features.float(), dim=-1).split(counts))


def save_folder(
    folder: Path, model: open_clip.CLIP, vocabulary: int, settings: dict[str, Any]
) -> None:
    """Write configuration and half-precision weights as open_clip's local folders hold them.

    Args:
        folder: where to write; the tokenizer's merges are written there on their own.
        model: the trained model.
        vocabulary: number of tokens.
        settings: what refmask reads beside open_clip: alpha, beta, mask_layers and the recipe.
    """
    config = {
        "model_cfg": model_config(vocabulary),
        "preprocess_cfg": {
            "mean": [MEAN] * 3,
            "std": [STD] * 3,
            "interpolation": "bilinear",
            "resize_mode": "squash",
        },
        "refmask": settings,
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIG_FILE).write_text(json.dumps(config, indent=2) + "\n")
    weights = {name: value.half().contiguous() for name, value in model.state_dict().items()}
    save_file(weights, folder / WEIGHTS_FILE)
    # The library writes for the owner's eyes only, but the file is meant to be packed and shared.
    (folder / WEIGHTS_FILE).chmod(0o644)
