"""CLIP as transformers keeps it: its configuration and its parameters, in open_clip's terms."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from refmask.clip.configuration import check_translated
from refmask.clip.files import PREPROCESSING
from refmask.errors import ModelError
from refmask.ops.reading import MISSHAPEN, read_json

#: A parameter that transformers' CLIP has, and no other file.
SIGN = "text_model.embeddings.token_embedding.weight"
#: What transformers leaves out of a configuration where it is as in ViT-B/32.
SHARED = {"layer_norm_eps": 1e-5, "hidden_act": "quick_gelu"}
TEXT = SHARED | {
    "hidden_size": 512,
    "intermediate_size": 2048,
    "num_hidden_layers": 12,
    "num_attention_heads": 8,
    "max_position_embeddings": 77,
    "vocab_size": 49408,
}
VISION = SHARED | {
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "image_size": 224,
    "patch_size": 32,
}
ACTIVATIONS = {"quick_gelu": True, "gelu": False}

#: Names of parts outside the blocks, in either's terms.
PARTS = {
    "logit_scale": "logit_scale",
    "logit_bias": "logit_bias",
    "text_model.embeddings.token_embedding.weight": "token_embedding.weight",
    "text_model.embeddings.position_embedding.weight": "positional_embedding",
    "text_model.final_layer_norm.weight": "ln_final.weight",
    "text_model.final_layer_norm.bias": "ln_final.bias",
    "vision_model.embeddings.class_embedding": "visual.class_embedding",
    "vision_model.embeddings.patch_embedding.weight": "visual.conv1.weight",
    "vision_model.embeddings.position_embedding.weight": "visual.positional_embedding",
    "vision_model.pre_layrnorm.weight": "visual.ln_pre.weight",
    "vision_model.pre_layrnorm.bias": "visual.ln_pre.bias",
    "vision_model.post_layernorm.weight": "visual.ln_post.weight",
    "vision_model.post_layernorm.bias": "visual.ln_post.bias",
}
#: Matrices that transformers applies from the other side.
TURNED = {"text_projection.weight": "text_projection", "visual_projection.weight": "visual.proj"}
BLOCKS = {
    "text_model.encoder.layers.": "transformer.resblocks.",
    "vision_model.encoder.layers.": "visual.transformer.resblocks.",
}
#: Parts of a block; query, key and value lie in one matrix in open_clip.
INNER = {
    "self_attn.out_proj": "attn.out_proj",
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
}
QUERY, KEY, VALUE = "self_attn.q_proj.", "self_attn.k_proj.", "self_attn.v_proj."


def as_open_clip(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Parameters by open_clip's names; those of files that have them already, as they are.

    What has no counterpart keeps its name, so that it is told when the model is filled.
    """
    if SIGN not in weights:
        return weights
    return dict(_renamed(name, value, weights) for name, value in weights.items() if _kept(name))


def read_config(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """open_clip's model configuration, and what is stated of preprocessing.

    Args:
        path: transformers' ``config.json``; ``preprocessor_config.json`` may lie beside it.

    Raises:
        ModelError: when it is damaged, or of no CLIP that open_clip can be.
    """
    content = _json(path)
    if content.get("model_type") != "clip":
        raise ModelError(
            f"{path} is the configuration of the model type {content.get('model_type')!r}, not of "
            "a CLIP; choose a CLIP"
        )
    text, vision = TEXT | _part(content, "text_config"), VISION | _part(content, "vision_config")
    quick = {ACTIVATIONS.get(str(part["hidden_act"])) for part in (text, vision)}
    faults = [
        *(f"vocab_size {text['vocab_size']!r}" for _ in range(text["vocab_size"] != 49408)),
        *(f"layer_norm_eps {p['layer_norm_eps']!r}" for p in (text, vision) if _other_eps(p)),
        *(f"hidden_act {text['hidden_act']!r}" for _ in range(None in quick or len(quick) > 1)),
    ]
    if faults:
        raise ModelError(f"{path} describes a CLIP that is not supported: {', '.join(faults)}")
    model = _model_cfg(content.get("projection_dim", 512), text, vision, quick.pop())
    preprocess = _statistics(path.with_name(PREPROCESSING))
    check_translated(model, preprocess, path)
    return model, preprocess


def _model_cfg(
    dim: Any, text: Mapping[str, Any], vision: Mapping[str, Any], quick: bool | None
) -> dict[str, Any]:
    try:
        return {
            "embed_dim": int(dim),
            "quick_gelu": bool(quick),
            "vision_cfg": {
                "image_size": int(vision["image_size"]),
                "patch_size": int(vision["patch_size"]),
                "width": int(vision["hidden_size"]),
                "layers": int(vision["num_hidden_layers"]),
                "head_width": int(vision["hidden_size"]) // int(vision["num_attention_heads"]),
                "mlp_ratio": int(vision["intermediate_size"]) / int(vision["hidden_size"]),
            },
            "text_cfg": {
                "context_length": int(text["max_position_embeddings"]),
                "vocab_size": int(text["vocab_size"]),
                "width": int(text["hidden_size"]),
                "heads": int(text["num_attention_heads"]),
                "layers": int(text["num_hidden_layers"]),
                "mlp_ratio": int(text["intermediate_size"]) / int(text["hidden_size"]),
            },
        }
    except MISSHAPEN as error:
        raise ModelError(f"the configuration of a CLIP holds no usable size: {error}") from None


def _statistics(path: Path) -> dict[str, Any]:
    content = _json(path) if path.is_file() else {}
    stated = {"mean": content.get("image_mean"), "std": content.get("image_std")}
    return {name: value for name, value in stated.items() if value is not None}


def _json(path: Path) -> dict[str, Any]:
    content = read_json(path, "the configuration of a CLIP", ModelError, "settings")
    if not isinstance(content, dict):
        raise ModelError(f"expected a JSON object in {path}, got {type(content).__name__}")
    return content


def _part(content: Mapping[str, Any], name: str) -> dict[str, Any]:
    part = content.get(name) or {}
    if not isinstance(part, dict):
        raise ModelError(f"expected {name} of a CLIP as an object, got {type(part).__name__}")
    return part


def _other_eps(part: Mapping[str, Any]) -> bool:
    return bool(part["layer_norm_eps"] != SHARED["layer_norm_eps"])


def _kept(name: str) -> bool:
    """Key and value go with the query."""
    return KEY not in name and VALUE not in name


def _renamed(name: str, value: Tensor, weights: Mapping[str, Tensor]) -> tuple[str, Tensor]:
    if name in PARTS:
        return PARTS[name], value
    if name in TURNED:
        return TURNED[name], value.T.contiguous()
    for theirs, ours in BLOCKS.items():
        number, _, inner = name.removeprefix(theirs).partition(".")
        part, _, kind = inner.rpartition(".")
        if not name.startswith(theirs):
            continue
        if inner.startswith(QUERY) and all(_third(name, one) in weights for one in (KEY, VALUE)):
            three = [weights[_third(name, one)] for one in (QUERY, KEY, VALUE)]
            return f"{ours}{number}.attn.in_proj_{kind}", torch.cat(three)
        if part in INNER:
            return f"{ours}{number}.{INNER[part]}.{kind}", value
    return name, value


def _third(name: str, which: str) -> str:
    return name.replace(QUERY, which)
