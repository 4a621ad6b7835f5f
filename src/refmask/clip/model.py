"""A CLIP of our own modules, built from a configuration in open_clip's form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from refmask.clip.resnet import ModifiedResNet
from refmask.clip.text import ENDS, TextTransformer
from refmask.clip.transformer import TransformerConfig
from refmask.clip.vit import VisionTransformer
from refmask.errors import UnsupportedTower

#: Settings of blocks of another kind than ours.
CUSTOM = (
    *("qk_norm", "scaled_cosine_attn", "scale_heads"),
    *("scale_attn_inner", "scale_attn", "scale_fc"),
)


class Clip(nn.Module):
    """An image tower and a text tower that meet in one space.

    Attributes:
        visual: pixels float32 (B, 3, S, S) to features (B, D).
        text: ids int64 (T, L) to features (T, D); ours, or one of open_clip's.
        logit_scale: log of the factor on cosines.
    """

    def __init__(self, visual: VisionTransformer | ModifiedResNet, text: nn.Module) -> None:
        super().__init__()
        self.visual, self.text = visual, text
        self.logit_scale = nn.Parameter(torch.empty(()))

    def encode_image(self, pixels: Tensor) -> Tensor:
        """Image features: pixels float32 (B, 3, S, S) to (B, D)."""
        features: Tensor = self.visual(pixels)
        return features

    def encode_text(self, ids: Tensor) -> Tensor:
        """Text features: ids int64 (T, L) to (T, D)."""
        features: Tensor = self.text(ids)
        return features


def image_tower(cfg: Mapping[str, Any], name: str) -> VisionTransformer | ModifiedResNet:
    """The image tower of a configuration.

    Args:
        cfg: in open_clip's form.
        name: of the model, for messages.

    Raises:
        UnsupportedTower: when masking is not defined for it, naming what is supported.
    """
    vision = cfg["vision_cfg"]
    if timm := vision.get("timm_model_name"):
        raise UnsupportedTower(
            "expected open_clip's own vision transformer or modified ResNet, "
            f"{name} uses timm's {timm}; "
            "try ViT-B-32-quickgelu, ViT-B-16, RN50-quickgelu or 'embedded'"
        )
    size = vision.get("image_size", 224)
    height, width = size if isinstance(size, list) else (size, size)
    if height != width:
        raise UnsupportedTower(f"expected a square input, this model takes {width}x{height}")
    layers, channels, head = (
        vision.get(setting, usual)
        for setting, usual in (("layers", 12), ("width", 768), ("head_width", 64))
    )
    if isinstance(layers, list):
        return ModifiedResNet(layers, channels, 32 * channels // head, height, cfg["embed_dim"])
    pooling = "attentional" if vision.get("attentional_pool") else vision.get("pool_type", "tok")
    if pooling != "tok":
        raise UnsupportedTower(
            f"expected a vision transformer that answers with its class token, got {pooling} "
            "pooling; token masking is not defined for it, try ViT-B-16"
        )
    if not _is_plain(vision):
        raise UnsupportedTower(
            "expected open_clip's plain transformer blocks; leave out block_type, qk_norm and "
            "scale settings, or try ViT-B-16"
        )
    config = _config(vision, channels, channels // head, cfg)
    first = not vision.get("no_ln_pre", False)
    return VisionTransformer(config, height, vision.get("patch_size", 16), cfg["embed_dim"], first)


def text_tower(cfg: Mapping[str, Any]) -> TextTransformer | None:
    """The text tower of a configuration in open_clip's form; None when it is of no kind of ours."""
    text = cfg["text_cfg"]
    pool = text.get("pool_type", "argmax")
    foreign = ("hf_model_name", "no_causal_mask", "embed_cls")
    if any(text.get(setting) for setting in foreign) or pool not in ENDS or not _is_plain(text):
        return None
    projection = "bias" if text.get("proj_bias") else "linear"
    return TextTransformer(
        _config(text, text.get("width", 512), text.get("heads", 8), cfg),
        text.get("context_length", 77),
        text.get("vocab_size", 49408),
        cfg["embed_dim"],
        pool,
        text.get("eos_id", 2),
        "none" if text.get("proj_type", "linear") == "none" else projection,
    )


def _is_plain(part: Mapping[str, Any]) -> bool:
    """Whether a tower has blocks of our kind."""
    kind = part.get("block_type")
    return kind == "default" or (kind is None and not any(part.get(name) for name in CUSTOM))


def _config(
    part: Mapping[str, Any], width: int, heads: int, cfg: Mapping[str, Any]
) -> TransformerConfig:
    approximate = (part.get("act_kwargs") or {}).get("approximate", "none")
    exact = "tanh" if approximate == "tanh" else "gelu"
    return TransformerConfig(
        width=width,
        layers=part.get("layers", 12),
        heads=heads,
        mlp_ratio=part.get("mlp_ratio", 4.0),
        activation="quick" if cfg.get("quick_gelu") else exact,
        eps=(part.get("norm_kwargs") or {}).get("eps", 1e-5),
        layer_scale=part.get("ls_init_value") is not None,
    )
