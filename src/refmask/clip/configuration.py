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
from refmask.ops.reading import MISSHAPEN
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
    text = USUAL_TEXT | _part(content, "text_config")
    vision = USUAL_VISION | _part(content, "vision_config")
    quick = {ACTIVATIONS.get(str(part["hidden_act"])) for part in (text, vision)}
    epsilons = {str(part["layer_norm_eps"]) for part in (text, vision)} - {str(EPS)}
    faults = [f"vocab_size {text['vocab_size']!r}"] if text["vocab_size"] != VOCABULARY else []
    faults += [f"layer_norm_eps {one}" for one in epsilons]
    faults += [f"hidden_act {text['hidden_act']!r}"] if None in quick or len(quick) > 1 else []
    if faults:
        raise ModelError(f"{path} describes a CLIP that is not supported: {', '.join(faults)}")
    beside = path.with_name(PREPROCESSOR)
    stated = read_object(beside) if beside.is_file() else {}
    statistics = {"mean": stated.get("image_mean"), "std": stated.get("image_std")}
    translated = {
        "model_cfg": _translated(content.get("projection_dim", 512), text, vision, quick.pop()),
        "preprocess_cfg": {name: value for name, value in statistics.items() if value is not None},
    }
    check(translated, WRAPPED, path)
    _check_together(translated["model_cfg"], path)
    return translated


def _translated(
    dim: Any, text: Mapping[str, Any], vision: Mapping[str, Any], quick: bool | None
) -> dict[str, Any]:
    """A model's configuration in open_clip's form."""
    try:
        heads = int(vision["hidden_size"]) // int(vision["num_attention_heads"])
        return {
            "embed_dim": int(dim),
            "quick_gelu": quick,
            "vision_cfg": {
                **_blocks(vision),
                "image_size": int(vision["image_size"]),
                "patch_size": int(vision["patch_size"]),
                "head_width": heads,
            },
            "text_cfg": {
                **_blocks(text),
                "context_length": int(text["max_position_embeddings"]),
                "vocab_size": int(text["vocab_size"]),
                "heads": int(text["num_attention_heads"]),
            },
        }
    except MISSHAPEN as error:
        raise ModelError(f"the configuration of a CLIP holds no usable size: {error}") from None


def _blocks(part: Mapping[str, Any]) -> dict[str, Any]:
    width = int(part["hidden_size"])
    ratio = int(part["intermediate_size"]) / width
    return {"width": width, "layers": int(part["num_hidden_layers"]), "mlp_ratio": ratio}


def _part(content: Mapping[str, Any], name: str) -> dict[str, Any]:
    part = content.get(name) or {}
    if not isinstance(part, dict):
        raise ModelError(f"expected {name} of a CLIP as an object, got {type(part).__name__}")
    return part


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
