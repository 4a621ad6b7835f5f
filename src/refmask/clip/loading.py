"""``load_clip``: a model and its weights by name, ready to encode."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from refmask.clip.activations import check_activation, trained_quick
from refmask.clip.backbone import ClipBackbone
from refmask.clip.checkpoints import as_ours
from refmask.clip.configuration import open_clip_folder
from refmask.clip.kernels import tower_of
from refmask.clip.model import Clip, image_tower, text_tower
from refmask.clip.sources import Source, find_model, find_weights
from refmask.clip.tokens import BpeTokenizer, Tokenizer
from refmask.errors import ModelError
from refmask.ops.devices import choose_device, choose_precision
from refmask.ops.pixels import PixelStatistics
from refmask.weights.reading import fill, read_checkpoint

#: OpenAI's merges, a file of open_clip's.
MERGES = "bpe_simple_vocab_16e6.txt.gz"
#: Mean and standard deviation of the pixels that OpenAI trained with.
MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)


def load_clip(
    model: str,
    weights: str | None = None,
    *,
    device: str = "auto",
    precision: str = "auto",
) -> ClipBackbone:
    """Load a CLIP.

    Args:
        model: any open_clip model name, ``hf-hub:ORG/REPO``, a folder or JSON file in
            open_clip's model-config format, a folder of transformers' CLIP, or "embedded".
        weights: an open_clip pretrained tag, ``hf-hub:ORG/REPO``, or a local file of safetensors
            or of torch with OpenAI's, open_clip's or transformers' parameter names, never
            unpickled freely. None takes the model's own. A ``.safetensors`` file is read as it
            is needed: do not write to it while the model is in use.
        device: "auto" (CUDA where there is one), or any torch device.
        precision: of the features: "fp32", "bf16", or "auto" (bf16 where the processor
            multiplies it natively).

    Returns:
        The model in evaluation mode.

    Raises:
        ConfigurationError: for a name or a setting that does not exist, or weights that were
            trained with the other activation, as far as they tell.
        UnsupportedTower: when masking is not defined for its image tower.
        WeightsUnavailable: when the weights are not in the cache and there is no network.
        WeightsError: when they are damaged, hold NaN, or belong to another model.
    """
    place = choose_device(device)
    dtype = choose_precision(precision, place)
    source = find_model(model)
    cfg = source.model_cfg
    # Without memory for weights: they are about to come from a file.
    with torch.device("meta"):
        visual, own_text = image_tower(cfg, source.name), text_tower(cfg)
    path, preprocess = find_weights(source, weights)
    text = own_text or _other_text_tower(source, path)
    with torch.device("meta"):
        clip = Clip(visual, text)
    tokenizer = tokenizer_of(source, text.vocab_size)
    read = read_checkpoint(path)
    check_activation(source.name, cfg, trained_quick(path, read.marks), str(path))
    fill(clip, as_ours(read.tensors, clip.state_dict().keys()), str(path), assign=True)
    bilinear = preprocess.get("interpolation") == "bilinear"
    return ClipBackbone(
        model=clip.eval().requires_grad_(False).to(place),
        tower=tower_of(visual, dtype),
        tokenizer=tokenizer,
        statistics=PixelStatistics(
            side=visual.image_size,
            mean=tuple(preprocess.get("mean") or MEAN),
            std=tuple(preprocess.get("std") or STD),
            interpolation="bilinear" if bilinear else "bicubic",
        ),
        device=place,
        precision=dtype,
        name=source.name + (f" {weights}" if weights else ""),
        advice=source.advice,
        weights=path,
        model_cfg=cfg,
    )


def _other_text_tower(source: Source, weights: Path) -> Any:
    from refmask.clip.adapter import other_text_tower

    return other_text_tower(source, weights)


def tokenizer_of(source: Source, vocabulary: int) -> Tokenizer:
    """The tokenizer that a model's configuration names.

    Raises:
        ModelError: when it cannot be made, or has tokens that the model does not know.
        WeightsUnavailable: when it is on a hub and cannot be fetched.
    """
    text = source.model_cfg["text_cfg"]
    context = text.get("context_length", 77)
    settings = text.get("tokenizer_kwargs") or {}
    if text.get("hf_tokenizer_name"):
        from refmask.clip.adapter import other_tokenizer

        tokenizer = other_tokenizer(source, context)
    else:
        named, merges = settings.get("bpe_path"), open_clip_folder() / MERGES
        if named is not None:
            merges = source.file(named, "the tokenizer's merges")
        tokenizer = BpeTokenizer(merges, context, settings.get("clean", "lower"))
    if tokenizer.vocab_size > vocabulary:
        raise ModelError(
            f"the tokenizer of {source.name} has {tokenizer.vocab_size} tokens, its text model "
            f"knows {vocabulary}; they do not belong together"
        )
    return tokenizer
