"""Text models of transformers, which some CLIPs have: built from their numbers alone."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from refmask.clip.beside import folder_of, inside
from refmask.clip.configuration import HEADS, LAYERS, TOKENS, VOCABULARY
from refmask.clip.sources import Source
from refmask.weights.configurations import check, read_object, refuse_code
from refmask.weights.schema import FLAG, Maybe, Object, Rule, one_of, real, text, whole

FILE = "config.json"
ID = Maybe(whole(0, 2_000_000))
#: What is taken from a text model's configuration; all else in it is passed over, such as names of
#: code, of kernels and of places.
FIELDS: dict[str, Rule] = {
    "model_type": one_of("bert", "roberta", "xlm-roberta", "mt5", "m2m_100"),
    "vocab_size": VOCABULARY,
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
CONFIGURATION = Object(FIELDS, ("model_type", "vocab_size"), closed=False)


@contextlib.contextmanager
def checked_text(source: Source) -> Iterator[dict[str, Any]]:
    """A model's ``text_cfg`` to build from, while within the ``with``.

    It names a folder with what is known of a text model's configuration, if there is one, and no
    weights: they come from the model's own file.

    Raises:
        ModelError: when the text model's configuration cannot be used.
        WeightsUnavailable: when it is on a hub and cannot be fetched.
    """
    told = dict(source.model_cfg["text_cfg"])
    name = told.get("hf_model_name")
    if not name:
        yield told
        return
    path = inside(folder_of(source, name, (FILE,), "the text model"), FILE, "the text model's file")
    content = read_object(path)
    refuse_code(content, path)
    check(content, CONFIGURATION, path)
    known = {field: content[field] for field in FIELDS.keys() & content.keys()}
    with TemporaryDirectory(prefix="refmask-") as place:
        Path(place, FILE).write_text(json.dumps(known), encoding="utf-8")
        yield told | {"hf_model_name": place, "hf_model_pretrained": False}
