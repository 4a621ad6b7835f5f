"""A model's configuration, in open_clip's form or transformers': read, and checked before building.

Its content comes from outside. So only what is known here is used, in these types and ranges, and
nothing in it names code, a place outside the model's folder, or a hub.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from refmask.errors import ModelError
from refmask.weights.configurations import (
    ANYTHING,
    FLAG,
    Either,
    Listed,
    Maybe,
    Object,
    Rule,
    check,
    one_of,
    read_object,
    real,
    refused,
    text,
    whole,
)

#: Files of a model: its configuration, in open_clip's form and in transformers', how images enter
#: it, and its weights.
CONFIG_FILE, CONFIG, PREPROCESSOR = (
    "open_clip_config.json",
    "config.json",
    "preprocessor_config.json",
)
WEIGHT_FILES = (
    *("open_clip_model.safetensors", "open_clip_pytorch_model.bin"),
    *("model.safetensors", "pytorch_model.bin"),
)

#: Patches along each side of an image.
GRID = 64

LAYERS, WIDTH, HEADS = whole(1, 256), whole(1, 8192), whole(1, 1024)
SIDE = whole(1, 8192)
TOKENS, IDS = whole(1, 4096), whole(1, 2_000_000)

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
        "vocab_size": IDS,
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
#: What a model's scores mean; see ``refmask.selection.Calibration``.
CALIBRATION = Object(
    {
        "temperature": real(1e-3, 1e3),
        "similarity": real(-1e3, 1e3),
        "contrast": real(-1e3, 1e3),
        "bias": real(-1e3, 1e3),
        "fitted": text(),
    }
)
#: Our own part: settings of a method that a model's card recommends, and how it was made.
ADVICE = Object(
    {
        "alpha": real(0, 1),
        "beta": real(0, 1),
        "mask_layers": whole(0, 256),
        "calibration": CALIBRATION,
        "recipe": ANYTHING,
    }
)
#: A file has its model under "model_cfg", or is the model's configuration itself.
WRAPPED = Object(
    {"model_cfg": Object(MODEL, NEEDED), "preprocess_cfg": PREPROCESSING, "refmask": ADVICE},
    ("model_cfg",),
)
BARE = Object({**MODEL, "preprocess_cfg": PREPROCESSING, "refmask": ADVICE}, NEEDED)

#: What transformers leaves out of a configuration where it is as in ViT-B/32.
EPS, VOCABULARY = 1e-5, 49408
USUAL = {"layer_norm_eps": EPS, "hidden_act": "quick_gelu", "num_hidden_layers": 12}
USUAL_TEXT = USUAL | {
    **{"hidden_size": 512, "intermediate_size": 2048, "num_attention_heads": 8},
    **{"max_position_embeddings": 77, "vocab_size": VOCABULARY},
}
USUAL_VISION = USUAL | {
    **{"hidden_size": 768, "intermediate_size": 3072, "num_attention_heads": 12},
    **{"image_size": 224, "patch_size": 32},
}
ACTIVATIONS = {"quick_gelu": True, "gelu": False}

#: What is read of transformers' files; the rest is passed over.
TRANSFORMERS_BLOCKS: dict[str, Rule] = {
    "hidden_size": WIDTH,
    "intermediate_size": whole(1, 65536),
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "hidden_act": one_of(*ACTIVATIONS),
    "layer_norm_eps": real(EPS, EPS),
}
TRANSFORMERS = Object(
    {
        "projection_dim": WIDTH,
        "text_config": Object(
            {
                **TRANSFORMERS_BLOCKS,
                "max_position_embeddings": TOKENS,
                "vocab_size": whole(VOCABULARY, VOCABULARY),
            },
            others=ANYTHING,
        ),
        "vision_config": Object(
            {**TRANSFORMERS_BLOCKS, "image_size": SIDE, "patch_size": SIDE}, others=ANYTHING
        ),
    },
    others=ANYTHING,
)
STATISTICS = {name: PREPROCESSING.fields[name] for name in ("mean", "std")}
TRANSFORMERS_PREPROCESSING = Object(
    {f"image_{name}": rule for name, rule in STATISTICS.items()}, others=ANYTHING
)


def architectures() -> dict[str, Path]:
    """open_clip's model configurations by name, found without importing it."""
    return {path.stem: path for path in open_clip_folder().glob("model_configs/*.json")}


def open_clip_folder() -> Path:
    """Where open_clip is installed, of which some files are read as data."""
    spec = importlib.util.find_spec("open_clip")
    if spec is None or spec.origin is None:
        raise ModelError("open_clip is not installed; run 'pip install open_clip_torch'")
    return Path(spec.origin).parent


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


def read_transformers(path: Path) -> dict[str, Any]:
    """As ``read_configuration``, of transformers' ``config.json`` and what lies beside it.

    Raises:
        ModelError: when it is damaged, or of no CLIP that open_clip's form can describe.
    """
    content = read_object(path)
    if content.get("model_type") != "clip":
        raise ModelError(
            f"{path} is the configuration of the model type {content.get('model_type')!r}, not of "
            "a CLIP; choose a CLIP"
        )
    check(content, TRANSFORMERS, path)
    text = USUAL_TEXT | content.get("text_config", {})
    vision = USUAL_VISION | content.get("vision_config", {})
    faults = list(_transformers_together(text, vision))
    if faults:
        raise refused(path, faults)
    beside = path.with_name(PREPROCESSOR)
    stated = read_object(beside) if beside.is_file() else {}
    check(stated, TRANSFORMERS_PREPROCESSING, beside)
    statistics = {name: stated.get(f"image_{name}") for name in STATISTICS}
    return {
        "model_cfg": {
            "embed_dim": content.get("projection_dim", 512),
            "quick_gelu": ACTIVATIONS[text["hidden_act"]],
            "vision_cfg": {
                **_blocks(vision),
                "image_size": vision["image_size"],
                "patch_size": vision["patch_size"],
                "head_width": vision["hidden_size"] // vision["num_attention_heads"],
            },
            "text_cfg": {
                **_blocks(text),
                "context_length": text["max_position_embeddings"],
                "vocab_size": text["vocab_size"],
                "heads": text["num_attention_heads"],
            },
        },
        "preprocess_cfg": {name: value for name, value in statistics.items() if value is not None},
    }


def _blocks(part: Mapping[str, Any]) -> dict[str, Any]:
    width = part["hidden_size"]
    ratio = part["intermediate_size"] / width
    return {"width": width, "layers": part["num_hidden_layers"], "mlp_ratio": ratio}


def _transformers_together(text: Mapping[str, Any], vision: Mapping[str, Any]) -> Iterator[str]:
    """As ``_together``, of transformers' two parts."""
    for name, part in (("text_config", text), ("vision_config", vision)):
        if part["hidden_size"] % part["num_attention_heads"]:
            yield f"{name}.hidden_size must be a multiple of num_attention_heads"
    if not 1 <= vision["image_size"] // vision["patch_size"] <= GRID:
        yield f"vision_config.image_size must be 1 to {GRID} times patch_size"
    if text["hidden_act"] != vision["hidden_act"]:
        yield "hidden_act must be the same in text_config and vision_config"


def _check_together(model: dict[str, Any], path: Path) -> None:
    faults = list(_together(model))
    if faults:
        raise refused(path, faults)


def _together(model: dict[str, Any]) -> Iterator[str]:
    """What is wrong with values that are right each for itself."""
    vision, words = model["vision_cfg"], model["text_cfg"]
    size, patch = vision.get("image_size", 224), vision.get("patch_size", 16)
    longest = max(size) if isinstance(size, list) else size
    width, head = vision.get("width", 768), vision.get("head_width", 64)
    if vision.get("timm_model_name"):
        pass
    elif isinstance(vision.get("layers"), list):
        width *= 32
        if longest < 32 or width < 64:
            yield "vision_cfg.image_size must be at least 32, and vision_cfg.width 2"
    elif patch is None:
        yield "vision_cfg.patch_size is missing"
    elif not 1 <= longest // patch <= GRID:
        yield f"vision_cfg.image_size must be 1 to {GRID} times patch_size"
    if width < head or width % (width // head):
        yield "vision_cfg.width must be a multiple of the number of heads, width // head_width"
    if words.get("width", 512) % words.get("heads", 8):
        yield "text_cfg.width must be a multiple of text_cfg.heads"
    if words.get("proj_type") == "none" and words.get("width", 512) != model["embed_dim"]:
        yield "text_cfg.width must be embed_dim where text_cfg.proj_type is none"
    for name, part in (("vision_cfg", vision), ("text_cfg", words)):
        if part.get("act_kwargs") and model.get("quick_gelu"):
            yield f"{name}.act_kwargs is no setting of quick GELU"
        if part.get("width", 512) * part.get("mlp_ratio", 4) < 1:
            yield f"{name}.mlp_ratio leaves nothing of width"
    settings = words.get("tokenizer_kwargs") or {}
    foreign = bool(words.get("hf_tokenizer_name"))
    unfit = "bpe_path" if foreign else "strip_sep_token"
    if unfit in settings:
        kind = "Hugging Face's tokenizers" if foreign else "open_clip's tokenizer"
        yield f"text_cfg.tokenizer_kwargs.{unfit} is no setting of {kind}"
