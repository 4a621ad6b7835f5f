"""A model's tokenizer: open_clip's own, or one of Hugging Face's, made from data only."""

from __future__ import annotations

import gzip
import json
import shutil
import zlib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import open_clip

from refmask.clip.beside import file_of, folder_of, inside
from refmask.clip.sources import Source
from refmask.clip.text import Tokenizer
from refmask.errors import ModelError
from refmask.limits import check, limit
from refmask.ops.reading import check_file, in_short
from refmask.weights.configurations import read_object, refuse_code

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


def tokenizer_of(source: Source, vocabulary: int) -> Tokenizer:
    """The tokenizer that a model's configuration names.

    Args:
        source: the model.
        vocabulary: how many tokens the model knows.

    Raises:
        ModelError: when it cannot be made, or has tokens that the model does not know.
        WeightsUnavailable: when it is on a hub and cannot be fetched.
    """
    text = source.model_cfg["text_cfg"]
    settings = dict(text.get("tokenizer_kwargs") or {})
    settings["context_length"] = text.get(
        "context_length", open_clip.tokenizer.DEFAULT_CONTEXT_LENGTH
    )
    name = text.get("hf_tokenizer_name")
    if name:
        settings["tokenizer_mode"] = text.get("tokenizer_mode")
        made = _hugging_face(source, name, settings)
        tokens = len(made.tokenizer)
    else:
        if "bpe_path" in settings:
            settings["bpe_path"] = str(_merges(source, settings["bpe_path"]))
        made = _made(open_clip.SimpleTokenizer, settings, source.name)
        tokens = made.vocab_size
    if tokens > vocabulary:
        raise ModelError(
            f"the tokenizer of {source.name} has {tokens} tokens, its text model knows "
            f"{vocabulary}; they do not belong together"
        )
    return made  # type: ignore[no-any-return]


def _hugging_face(source: Source, name: str, settings: dict[str, Any]) -> Any:
    """A tokenizer of ``ORG/REPO``, or of the model's folder."""
    found = folder_of(source, name, (*FILES, SETTINGS), "the tokenizer")
    with TemporaryDirectory(prefix="refmask-") as place:
        copy_known(found, Path(place))
        # No code is run and no hub asked, whatever these files say.
        settings |= {"tokenizer_name": place, "trust_remote_code": False, "local_files_only": True}
        return _made(open_clip.tokenizer.HFTokenizer, settings, source.name)


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
        told = read_object(path)
        refuse_code(told, path)
        known = {name: told[name] for name in KNOWN & told.keys()}
        (place / SETTINGS).write_text(json.dumps(known), encoding="utf-8")


def _made(kind: Any, settings: dict[str, Any], name: str) -> Any:
    """A tokenizer that has read a text."""
    try:
        made = kind(**settings)
        ids = made(["a", ""])
        if ids.shape != (2, settings["context_length"]):
            raise ValueError(f"it gives ids of shape {tuple(ids.shape)}")
    except Exception as error:  # libraries that read files from outside; no list would be whole
        raise ModelError(f"the tokenizer of {name} cannot be used: {in_short(error)}") from None
    return made


def _merges(source: Source, named: str) -> Path:
    """The file of merges that a configuration names, when it is one."""
    path = file_of(source, named, "the tokenizer's merges")
    try:
        with gzip.open(path) as file:
            unpacked = len(file.read(limit("tokenizer") + 1))
    except (OSError, EOFError, zlib.error) as error:
        raise ModelError(f"{path} is no gzipped file of merges: {error}; fetch it again") from None
    check("tokenizer", unpacked, f"the merges in {path}", ModelError)
    return path
