"""Parameters of published checkpoints by our names.

Our modules have OpenAI's names, but for a "text." before those of the text tower. open_clip's are
the same, with or without that.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import torch
from torch import Tensor

#: A parameter that transformers' CLIP has, and no other file.
SIGN = "text_model.embeddings.token_embedding.weight"
#: transformers' parts of names, and OpenAI's, to be replaced in this order.
RENAMED = {
    "text_model.": "",
    "vision_model.": "visual.",
    "embeddings.": "",
    "position_embedding.weight": "positional_embedding",
    "patch_embedding": "conv1",
    "pre_layrnorm": "ln_pre",
    "post_layernorm": "ln_post",
    "final_layer_norm": "ln_final",
    "encoder.layers": "transformer.resblocks",
    "layer_norm": "ln_",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
    "self_attn.": "attn.",
}
#: Matrices that transformers applies from the other side.
TURNED = {"text_projection.weight": "text_projection", "visual_projection.weight": "visual.proj"}
#: Query, key and value, which are one matrix in OpenAI's.
QUERY, KEY, VALUE = "q_proj.", "k_proj.", "v_proj."


def as_ours(weights: dict[str, Tensor], ours: Collection[str]) -> dict[str, Tensor]:
    """Parameters by our names, in float32.

    What has no counterpart is told when the model is filled.

    Args:
        weights: by OpenAI's names, open_clip's or transformers'.
        ours: names of the model's parameters.
    """
    if SIGN in weights:
        weights = dict(
            _openais(name, value, weights)
            for name, value in weights.items()
            if not any(third in name for third in (KEY, VALUE))  # they go with the query
        )
    return {
        f"text.{name}" if f"text.{name}" in ours else name: (
            value.float() if value.is_floating_point() else value
        )
        for name, value in weights.items()
    }


def _openais(name: str, value: Tensor, weights: Mapping[str, Tensor]) -> tuple[str, Tensor]:
    """One of transformers' parameters, by OpenAI's name."""
    if name in TURNED:
        return TURNED[name], value.T.contiguous()
    thirds = [name.replace(QUERY, one) for one in (QUERY, KEY, VALUE)]
    if QUERY in name and all(third in weights for third in thirds):
        name, value = name.replace(QUERY, "in_proj_"), torch.cat([weights[one] for one in thirds])
    for theirs, openais in RENAMED.items():
        name = name.replace(theirs, openais)
    return name, value
