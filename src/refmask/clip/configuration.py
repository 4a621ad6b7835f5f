"""A model's configuration file in open_clip's format: read and checked before anything is built.

Its content comes from outside. So only what is known here reaches open_clip, in these types and
ranges, and nothing in it names code, a place outside the model's folder, or a hub.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from refmask.weights.configurations import check, read_object, refused
from refmask.weights.schema import (
    ANYTHING,
    FLAG,
    Either,
    Listed,
    Maybe,
    Object,
    Rule,
    one_of,
    real,
    text,
    whole,
)

#: Patches along each side of a picture.
GRID = 64

LAYERS, WIDTH, HEADS = whole(1, 256), whole(1, 8192), whole(1, 1024)
SIDE = whole(1, 8192)
TOKENS, VOCABULARY = whole(1, 4096), whole(1, 2_000_000)

#: What both transformers have in common.
BLOCKS: dict[str, Rule] = {
    "width": WIDTH,
    "mlp_ratio": real(0.01, 64),
    "ls_init_value": Maybe(real(-100, 100)),
    "final_ln_after_pool": FLAG,
    # It would have encoders answer with more than features.
    "output_tokens": one_of(False),
    "act_kwargs": Maybe(Object({"approximate": one_of("none", "tanh")})),
    "norm_kwargs": Maybe(Object({"eps": real(0, 1)})),
    "block_type": one_of("default", "custom", None),
    "qk_norm": FLAG,
    "scaled_cosine_attn": FLAG,
    "scale_heads": FLAG,
    "scale_attn_inner": FLAG,
    "scale_attn": FLAG,
    "scale_fc": FLAG,
}
VISION = Object(
    {
        **BLOCKS,
        "layers": Either((LAYERS, Listed(LAYERS, (4,)))),
        "head_width": WIDTH,
        "patch_size": Maybe(SIDE),
        "image_size": Either((SIDE, Listed(SIDE, (2,)))),
        "patch_dropout": real(0, 0.999),
        "attentional_pool": one_of(True, False, "parallel", "cascade"),
        "attn_pooler_queries": TOKENS,
        "attn_pooler_heads": HEADS,
        "no_ln_pre": FLAG,
        "pos_embed_type": one_of("learnable", "sin_cos_2d"),
        "pool_type": one_of("tok", "avg", "none"),
        "timm_model_name": Maybe(text()),
        "timm_model_pretrained": FLAG,
        "timm_pool": Maybe(one_of("", "avg", "abs_attn", "rot_attn", "map", "token")),
        "timm_proj": one_of("linear", "mlp", "none", "", None),
        "timm_proj_bias": FLAG,
        "timm_drop": real(0, 1),
        "timm_drop_path": Maybe(real(0, 1)),
    }
)
#: Settings of tokenizers: open_clip's own has the first two, Hugging Face's the last two.
TOKENIZER = Object(
    {
        "bpe_path": text(),
        "clean": one_of("lower", "whitespace", "canonicalize"),
        "strip_sep_token": FLAG,
    }
)
TEXT = Object(
    {
        **BLOCKS,
        "layers": LAYERS,
        "heads": HEADS,
        "context_length": TOKENS,
        "vocab_size": VOCABULARY,
        "hf_tokenizer_name": Maybe(text()),
        "tokenizer_mode": one_of("clips", None),
        "tokenizer_kwargs": Maybe(TOKENIZER),
        "embed_cls": FLAG,
        "pad_id": whole(0, 2_000_000),
        "eos_id": whole(0, 2_000_000),
        "no_causal_mask": FLAG,
        "pool_type": one_of("first", "last", "argmax", "eos", "none"),
        "proj_bias": FLAG,
        "proj_type": one_of("linear", "none"),
        "hf_model_name": Maybe(text()),
        "hf_model_pretrained": FLAG,
        "hf_proj_type": one_of("linear", "mlp", None),
        "hf_pooler_type": one_of(
            *("mean_pooler", "max_pooler", "cls_pooler", "cls_last_hidden_state_pooler", None)
        ),
    }
)
MODEL: dict[str, Rule] = {
    "embed_dim": WIDTH,
    "vision_cfg": VISION,
    "text_cfg": TEXT,
    "quick_gelu": FLAG,
    "custom_text": FLAG,
    "init_logit_scale": real(-1000, 1000),
    "init_logit_bias": Maybe(real(-1000, 1000)),
    "nonscalar_logit_scale": FLAG,
}
#: What must be told of a model.
NEEDED = ("embed_dim", "vision_cfg", "text_cfg")

PREPROCESSING = Object(
    {
        "mean": Maybe(Listed(real(-1000, 1000), (3,))),
        "std": Maybe(Listed(real(1e-6, 1000), (3,))),
        "interpolation": Maybe(one_of("bicubic", "bilinear", "nearest", "random", "lanczos")),
        "resize_mode": Maybe(one_of("shortest", "longest", "squash")),
        "size": Either((SIDE, Listed(SIDE, (2, 3)))),
        "mode": text(),
        "fill_color": Either((whole(0, 255), Listed(whole(0, 255), (3,)))),
    }
)
#: Our own part: settings of a method that a model's card recommends, and how it was made.
ADVICE = Object(
    {
        "alpha": real(0, 1),
        "beta": real(0, 1),
        "mask_layers": whole(0, 256),
        "recipe": ANYTHING,
    }
)
#: A file has its model under "model_cfg", or is the model's configuration itself.
WRAPPED = Object(
    {"model_cfg": Object(MODEL, NEEDED), "preprocess_cfg": PREPROCESSING, "refmask": ADVICE},
    ("model_cfg",),
)
BARE = Object({**MODEL, "preprocess_cfg": PREPROCESSING, "refmask": ADVICE}, NEEDED)


def read_configuration(path: Path) -> dict[str, Any]:
    """A configuration file's content: "model_cfg", and perhaps "preprocess_cfg" and "refmask".

    Raises:
        ModelError: when it cannot be read, or is not of this form.
    """
    content = read_object(path)
    check(content, WRAPPED if "model_cfg" in content else BARE, path)
    if "model_cfg" not in content:
        besides = ("preprocess_cfg", "refmask")
        parts = {name: content.pop(name) for name in besides if name in content}
        content = {"model_cfg": content, **parts}
    _check_together(content["model_cfg"], path)
    return content


def check_translated(model: dict[str, Any], preprocess: dict[str, Any], path: Path) -> None:
    """Raise ModelError unless what was made of another library's file can be built.

    Args:
        model: open_clip's model configuration.
        preprocess: what is stated of preprocessing.
        path: of the file.
    """
    check({"model_cfg": model, "preprocess_cfg": preprocess}, WRAPPED, path)
    _check_together(model, path)


def _check_together(model: dict[str, Any], path: Path) -> None:
    faults = list(_together(model))
    if faults:
        raise refused(path, faults)


def _together(model: dict[str, Any]) -> Iterator[str]:
    """What is wrong with values that are right each for itself."""
    vision, words = model["vision_cfg"], model["text_cfg"]
    size, patch = vision.get("image_size", 224), vision.get("patch_size", 16)
    longest = max(size) if isinstance(size, list) else size
    resnet = isinstance(vision.get("layers"), list)
    if not (resnet or vision.get("timm_model_name")):
        if patch is None:
            yield "vision_cfg.patch_size is missing"
        elif not 1 <= longest // patch <= GRID:
            yield f"vision_cfg.image_size must be 1 to {GRID} times patch_size"
    settings = words.get("tokenizer_kwargs") or {}
    foreign = bool(words.get("hf_tokenizer_name"))
    unfit = "bpe_path" if foreign else "strip_sep_token"
    if unfit in settings:
        kind = "Hugging Face's tokenizers" if foreign else "open_clip's tokenizer"
        yield f"text_cfg.tokenizer_kwargs.{unfit} is no setting of {kind}"
