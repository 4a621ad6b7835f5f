"""Kinds of input: weights, models' configurations, tokenizers."""

from __future__ import annotations

import copy
import io
import json
import pickle
import warnings
from collections.abc import Iterator
from importlib.resources import files as resources
from pathlib import Path

import numpy as np
import open_clip
import torch
from safetensors.torch import save

from attack.gadgets import in_archive, in_legacy
from attack.kinds import Kind
from refmask.clip import load_clip
from refmask.clip.activations import trained_quick
from refmask.clip.loading import tokenizer_of
from refmask.clip.sources import find_model
from refmask.proposals.sam import source as sam
from refmask.weights.pickled import read_pickled
from refmask.weights.reading import fill, read_checkpoint

TENSORS = {"a.weight": torch.arange(6.0).reshape(2, 3), "b": torch.ones(4, dtype=torch.int64)}
SHIPPED = Path(str(resources("refmask"))) / "assets" / "clip"
CONFIG, WEIGHTS = "open_clip_config.json", "open_clip_model.safetensors"
VISION = {"image_size": 32, "layers": 1, "width": 64, "head_width": 32, "patch_size": 16}
WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "the", "red", "duck", "man")


def kinds(gadgets: list[bytes]) -> Iterator[Kind]:
    """Kinds of this subject."""
    archives = [in_archive(one) for one in gadgets]
    scripts = [in_archive(one, ("constants.pkl", one)) for one in gadgets]
    yield Kind("weights.pt", {"new.pt": torch_file(True)}, _weights, hostile=[*odd(), *archives])
    legacy = {"old.bin": torch_file(False)}
    yield Kind("weights.bin", legacy, _weights, hostile=[*map(in_legacy, gadgets), *gadgets])
    yield Kind("torchscript", {"script.pt": torchscript()}, _weights, hostile=scripts)
    yield Kind("safetensors", {"a.safetensors": save(TENSORS)}, _weights)
    yield Kind("weights.pkl", {"a.pkl": detectron()}, _pickled, hostile=gadgets)
    yield Kind("model", foreign(), _model, [CONFIG])
    yield Kind("merges", merges(), _tokenizer, ["bpe_merges.txt.gz"])
    yield Kind("tokenizer", foreign(), _tokenizer, ["tokenizer.json", "tokenizer_config.json"])
    yield Kind(
        "transformers", transformers_clip(), _found, ["config.json", "preprocessor_config.json"]
    )
    yield Kind("sam", sam_folder(), _sam, ["config.json", "preprocessor_config.json"])


def torch_file(archive: bool) -> bytes:
    """Tensors as torch saves them, today or before archives."""
    made = io.BytesIO()
    torch.save({"state_dict": TENSORS}, made, _use_new_zipfile_serialization=archive)
    return made.getvalue()


def odd() -> Iterator[bytes]:
    """Checkpoints with a tensor that no model has."""
    values = TENSORS["a.weight"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on the age of quantised tensors
        quantised = torch.quantize_per_tensor(values, 0.1, 0, torch.qint8)
        for value in (
            *(quantised, values.to_sparse(), values.to("meta"), values.long(), values.bool()),
            *(values.to(torch.complex64), values.to(torch.bfloat16), values * torch.inf),
        ):
            made = io.BytesIO()
            torch.save(TENSORS | {"a.weight": value}, made)
            yield made.getvalue()


def torchscript() -> bytes:
    """An archive as OpenAI's."""
    module = torch.nn.Module()
    module.register_buffer("weight", TENSORS["a.weight"])
    made = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on its age
        torch.jit.save(torch.jit.script(module), made)
    return made.getvalue()


def detectron() -> bytes:
    """Named arrays in a pickle."""
    arrays = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.ones(2, np.int64)}
    return pickle.dumps({"model": arrays, "matching_heuristics": True}, 4)


def merges() -> dict[str, bytes]:
    """A model folder with open_clip's tokenizer, and no weights."""
    names = (CONFIG, "bpe_merges.txt.gz")
    return {name: (SHIPPED / name).read_bytes() for name in names}


def foreign() -> dict[str, bytes]:
    """A model folder with a tokenizer of Hugging Face's."""
    text = {
        **{"context_length": 9, "vocab_size": len(WORDS), "width": 32, "heads": 2, "layers": 1},
        "hf_tokenizer_name": "org/repo",
    }
    model = {"embed_dim": 16, "vision_cfg": VISION, "text_cfg": text}
    weights = open_clip.CLIP(**copy.deepcopy(model)).state_dict()
    cfg = {"model_cfg": model}
    made = {
        "version": "1.0",
        **dict.fromkeys(("truncation", "padding", "normalizer", "decoder", "post_processor")),
        "added_tokens": [
            {"id": n, "content": word, "special": True}
            | dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
            for n, word in enumerate(WORDS[:4])
        ],
        "pre_tokenizer": {"type": "Whitespace"},
        "model": {
            **{"type": "WordLevel", "unk_token": "[UNK]"},
            "vocab": {word: number for number, word in enumerate(WORDS)},
        },
    }
    settings = {f"{name}_token": f"[{name.upper()}]" for name in ("pad", "unk", "cls", "sep")}
    settings["tokenizer_class"] = "PreTrainedTokenizerFast"
    told = {CONFIG: cfg, "tokenizer.json": made, "tokenizer_config.json": settings}
    files = {name: json.dumps(content).encode() for name, content in told.items()}
    return files | {WEIGHTS: save({name: one.contiguous() for name, one in weights.items()})}


def transformers_clip() -> dict[str, bytes]:
    """Configurations of transformers' CLIP."""
    text = {"hidden_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2}
    vision = text | {"image_size": 32, "patch_size": 16}
    cfg = {"model_type": "clip", "projection_dim": 16, "text_config": text, "vision_config": vision}
    statistics = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3, "size": 32}
    told = {"config.json": cfg, "preprocessor_config.json": statistics}
    return {name: json.dumps(content).encode() for name, content in told.items()}


def sam_folder() -> dict[str, bytes]:
    """Configurations of a SAM."""
    cfg = {
        "model_type": "sam",
        "vision_config": {"hidden_size": 32, "image_size": 64, "num_hidden_layers": 1},
        "mask_decoder_config": {"hidden_size": 16, "iou_head_depth": 2},
    }
    told = {"config.json": cfg, "preprocessor_config.json": {"image_mean": [0.5] * 3}}
    files = {name: json.dumps(content).encode() for name, content in told.items()}
    return files | {"model.safetensors": save(TENSORS)}


def _weights(folder: Path, name: str) -> None:
    read = read_checkpoint(folder / name)
    trained_quick(folder / name, read.marks)
    model = torch.nn.ModuleDict({"a": torch.nn.Linear(3, 2, bias=False)})
    model.register_buffer("b", torch.ones(4, dtype=torch.int64))
    if "a.weight" in read.tensors:
        fill(model, read.tensors, name, assign=True)


def _pickled(folder: Path, name: str) -> None:
    read_pickled(folder / name)


def _model(folder: Path, name: str) -> None:
    del name
    load_clip(str(folder), precision="fp32", device="cpu")


def _found(folder: Path, name: str) -> None:
    del name
    find_model(str(folder))


def _tokenizer(folder: Path, name: str) -> None:
    del name
    tokenizer_of(find_model(str(folder)), 49408)(["a duck", ""])


def _sam(folder: Path, name: str) -> None:
    del name
    sam.find_model(str(folder), sam.SAM)
