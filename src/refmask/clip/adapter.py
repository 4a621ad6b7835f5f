"""Through open_clip, imported here alone: other text towers than ours, and their tokenizers.

They are text models and tokenizers of transformers, and transformers of open_clip's that are not
causal. All are made from data only: no code that comes with them is run, and no hub is asked but
where the user named one, or one of open_clip's own models.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import open_clip
import torch

from refmask.clip.configuration import CONFIG, HEADS, IDS, LAYERS, TOKENS
from refmask.clip.sources import Source, inside
from refmask.clip.tokens import Tokenizer
from refmask.errors import ModelError, WeightsError
from refmask.ops.reading import check_file, in_short
from refmask.weights.configurations import (
    ANYTHING,
    FLAG,
    Maybe,
    Object,
    Rule,
    check,
    one_of,
    read_object,
    real,
    refuse_code,
    text,
    whole,
)

ID = Maybe(whole(0, 2_000_000))
#: What is taken from a text model's configuration; all else in it is passed over, such as names of
#: code, of kernels and of places.
FIELDS: dict[str, Rule] = {
    "model_type": one_of("bert", "roberta", "xlm-roberta", "mt5", "m2m_100"),
    "vocab_size": IDS,
    **dict.fromkeys(
        ("hidden_size", "intermediate_size", "d_model", "d_kv", "d_ff"), whole(1, 32768)
    ),
    **dict.fromkeys(("encoder_ffn_dim", "decoder_ffn_dim"), whole(1, 32768)),
    **dict.fromkeys(("num_hidden_layers", "num_layers", "num_decoder_layers"), LAYERS),
    **dict.fromkeys(("encoder_layers", "decoder_layers"), LAYERS),
    **dict.fromkeys(("num_attention_heads", "num_heads"), HEADS),
    **dict.fromkeys(("encoder_attention_heads", "decoder_attention_heads"), HEADS),
    **dict.fromkeys(("max_position_embeddings", "type_vocab_size"), TOKENS),
    **dict.fromkeys(("relative_attention_num_buckets", "relative_attention_max_distance"), TOKENS),
    **dict.fromkeys(("pad_token_id", "bos_token_id", "eos_token_id", "decoder_start_token_id"), ID),
    **dict.fromkeys(("hidden_act", "activation_function", "feed_forward_proj"), text(40)),
    **dict.fromkeys(("layer_norm_eps", "layer_norm_epsilon"), real(0, 1)),
    **dict.fromkeys(("initializer_range", "initializer_factor", "init_std"), real(0, 100)),
    **dict.fromkeys(("hidden_dropout_prob", "attention_probs_dropout_prob"), real(0, 1)),
    **dict.fromkeys(("dropout_rate", "dropout", "attention_dropout"), real(0, 1)),
    **dict.fromkeys(("activation_dropout", "encoder_layerdrop", "decoder_layerdrop"), real(0, 1)),
    **dict.fromkeys(("is_encoder_decoder", "scale_embedding", "tie_word_embeddings"), FLAG),
    "position_embedding_type": one_of("absolute"),
}
CONFIGURATION = Object(FIELDS, ("model_type", "vocab_size"), others=ANYTHING)

#: What a tokenizer of Hugging Face's is made from, the most common file first.
SETTINGS = "tokenizer_config.json"
FILES = (
    *("tokenizer.json", "vocab.txt", "vocab.json", "merges.txt"),
    *("sentencepiece.bpe.model", "spiece.model", "tokenizer.model"),
    *("special_tokens_map.json", "added_tokens.json"),
)
#: What is taken from its settings. Not among them: code, places of files, names on a hub.
KNOWN = frozenset(
    {"tokenizer_class", "model_max_length", "padding_side", "truncation_side", "add_prefix_space"}
    | {"do_lower_case", "do_basic_tokenize", "strip_accents", "tokenize_chinese_chars"}
    | {"bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"}
    | {"additional_special_tokens", "added_tokens_decoder", "add_bos_token", "add_eos_token"}
    | {"clean_up_tokenization_spaces", "legacy", "extra_ids", "src_lang", "tgt_lang"}
)
#: An image tower to build a text tower beside.
SMALLEST = {"image_size": 16, "patch_size": 16, "width": 64, "layers": 1}


def pretrained(model: str) -> dict[str, dict[str, Any]]:
    """open_clip's pretrained tags of a model: where the weights are, and of what pixels."""
    tags = open_clip.list_pretrained_tags_by_model(model)
    return {tag: open_clip.get_pretrained_cfg(model, tag) for tag in tags}


def other_text_tower(source: Source, weights: Path) -> Any:
    """A text tower of another kind than ours, without its weights.

    Args:
        source: the model.
        weights: the file that they are about to come from.

    Returns:
        A module from ids, int64 (T, L), to features (T, D), that has a ``vocab_size``.

    Raises:
        ModelError: when it cannot be built.
        WeightsError: when the file is too small for it.
        WeightsUnavailable: when its configuration is on a hub and cannot be fetched.
    """
    cfg = dict(source.model_cfg["text_cfg"])
    name = cfg.get("hf_model_name")
    with ExitStack() as stack:
        if name:
            place = stack.enter_context(TemporaryDirectory(prefix="refmask-"))
            path = inside(source.beside(name, (CONFIG,), "the text model"), CONFIG, "the file")
            _copy_object(path, Path(place, CONFIG), FIELDS.keys(), CONFIGURATION)
            cfg |= {"hf_model_name": place, "hf_model_pretrained": False}
        made = _built("meta", source, cfg)
        if name:
            # What transformers' text models compute when they are built is not in the file. So
            # they are built with memory, but only when the file can have as many weights.
            values = sum(parameter.numel() for parameter in made.parameters())
            if weights.is_file() and values > weights.stat().st_size:
                raise WeightsError(
                    f"{weights} is too small for the {values} weights of {source.name}; choose "
                    "the model it was made for"
                )
            return _built("cpu", source, cfg)
    mask = getattr(made, "attn_mask", None)
    if mask is not None:  # it is no weight, so no file has it
        made.attn_mask = torch.full(mask.shape, -torch.inf).triu_(1)
    return made


def _built(device: str, source: Source, cfg: dict[str, Any]) -> Any:
    try:
        with torch.device(device):
            return open_clip.CustomTextCLIP(
                embed_dim=source.model_cfg["embed_dim"],
                vision_cfg=dict(SMALLEST),
                text_cfg=cfg,
                quick_gelu=source.model_cfg.get("quick_gelu", False),
            ).text
    except Exception as error:  # two libraries read what came from outside; no list would be whole
        raise ModelError(
            f"open_clip cannot build the text tower of {source.name} ({in_short(error)}); choose "
            "another model, or fetch its files again"
        ) from None


def other_tokenizer(source: Source, context: int) -> Tokenizer:
    """The tokenizer of ``ORG/REPO``, or in the model's folder, that a configuration names.

    Raises:
        ModelError: when it cannot be made.
        WeightsUnavailable: when it is on a hub and cannot be fetched.
    """
    cfg = source.model_cfg["text_cfg"]
    found = source.beside(cfg["hf_tokenizer_name"], (*FILES, SETTINGS), "the tokenizer")
    with TemporaryDirectory(prefix="refmask-") as place:
        copy_known(found, Path(place))
        try:
            made: Tokenizer = open_clip.tokenizer.HFTokenizer(
                place,
                context_length=context,
                tokenizer_mode=cfg.get("tokenizer_mode"),
                trust_remote_code=False,
                local_files_only=True,
                **(cfg.get("tokenizer_kwargs") or {}),
            )
            made.vocab_size = len(made.tokenizer)  # type: ignore[attr-defined]
            ids = made(["a", ""])
            if ids.shape != (2, context):
                raise ValueError(f"it gives ids of shape {tuple(ids.shape)}")
        except Exception as error:  # libraries that read files from outside
            raise ModelError(
                f"the tokenizer of {source.name} cannot be used ({in_short(error)}); fetch its "
                "files again"
            ) from None
    return made


def copy_known(folder: Path, place: Path) -> None:
    """Copy what a tokenizer is made from, with only what is known of its settings.

    Raises:
        ModelError: when a file is too large, leads outside the folder, or names code.
    """
    for file in FILES:
        path = inside(folder, file, "the tokenizer's file")
        if path.exists():
            check_file(path, "a tokenizer's file", ModelError, "tokenizer")
            shutil.copyfile(path, place / file)
    path = inside(folder, SETTINGS, "the tokenizer's file")
    if path.is_file():
        _copy_object(path, place / SETTINGS, KNOWN)


def _copy_object(path: Path, place: Path, names: Collection[str], rule: Rule | None = None) -> None:
    """Copy some fields of a JSON object, checked; raises ModelError when it names code."""
    content = read_object(path)
    refuse_code(content, path)
    if rule is not None:
        check(content, rule, path)
    known = {name: content[name] for name in names if name in content}
    place.write_text(json.dumps(known), encoding="utf-8")
