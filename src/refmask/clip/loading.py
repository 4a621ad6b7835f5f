"""``load_clip``: a model and its weights by name, ready to encode."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import open_clip
import torch
from torch import Tensor, nn

from refmask.clip.activation import check_activation, trained_quick
from refmask.clip.backbone import ClipBackbone
from refmask.clip.families import tower_of
from refmask.clip.sources import Source, find_model, find_weights
from refmask.clip.text import Tokenizer
from refmask.clip.transformers_names import as_open_clip
from refmask.errors import ModelError, UnsupportedTower
from refmask.ops.devices import choose_device, choose_precision
from refmask.ops.pixels import PixelStatistics
from refmask.weights.reading import fill, read_checkpoint


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
    path, preprocess = find_weights(source, weights)
    clip = _build(source)
    tower = tower_of(clip.visual, dtype)
    tokenizer = _tokenizer(source)
    read = read_checkpoint(path)
    told = trained_quick(path, read.marks)
    check_activation(source.name, source.model_cfg, told, str(path))
    fill(clip, _in_float32(as_open_clip(read.tensors)), str(path), assign=True)
    _restore_masks(clip)
    return ClipBackbone(
        model=clip.eval().requires_grad_(False).to(place),
        tower=tower,
        tokenizer=tokenizer,
        statistics=_statistics(clip, preprocess),
        device=place,
        precision=dtype,
        name=source.name + (f" {weights}" if weights else ""),
        advice=source.advice,
        weights=path,
        model_cfg=source.model_cfg,
    )


def _build(source: Source) -> Any:
    """The bare model, without memory for its weights: they are about to come from a file."""
    cfg = dict(source.model_cfg)
    if "timm_model_name" in cfg["vision_cfg"]:
        raise UnsupportedTower(
            "expected open_clip's own vision transformer or modified ResNet, "
            f"{source.name} uses timm's {cfg['vision_cfg']['timm_model_name']}; "
            "try ViT-B-32-quickgelu, ViT-B-16, RN50-quickgelu or 'embedded'"
        )
    foreign = "hf_model_name" in cfg["text_cfg"]
    custom = cfg.pop("custom_text", False) or foreign
    kind: type[nn.Module] = open_clip.CustomTextCLIP if custom else open_clip.CLIP
    try:
        # What transformers' text models compute when they are built is not in the file.
        with torch.device("cpu" if foreign else "meta"):
            return kind(**cfg)
    except (TypeError, ValueError, KeyError, RuntimeError, AssertionError) as error:
        raise ModelError(f"open_clip cannot build {source.name}: {error}") from None


def _in_float32(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Published weights are float32 or float16, some of one file each."""
    return {
        name: value.float() if value.is_floating_point() else value
        for name, value in weights.items()
    }


def _restore_masks(clip: Any) -> None:
    """Build the text transformer's causal mask: it is no weight, so no file has it."""
    parts = getattr(clip, "text", clip)
    mask = getattr(parts, "attn_mask", None)
    if mask is not None and mask.is_meta:
        parts.attn_mask = torch.full(mask.shape, -torch.inf).triu_(1)


def _tokenizer(source: Source) -> Tokenizer:
    text = source.model_cfg["text_cfg"]
    settings = dict(text.get("tokenizer_kwargs") or {})
    context = text.get("context_length", open_clip.tokenizer.DEFAULT_CONTEXT_LENGTH)
    if "hf_tokenizer_name" in text:
        made: Any = open_clip.HFTokenizer(
            text["hf_tokenizer_name"], context_length=context, **settings
        )
        return made  # type: ignore[no-any-return]
    if "bpe_path" in settings and source.folder is not None:
        settings["bpe_path"] = str(source.folder / settings["bpe_path"])
        if not Path(settings["bpe_path"]).is_file():
            raise ModelError(f"expected the tokenizer's merges at {settings['bpe_path']}")
    return open_clip.SimpleTokenizer(context_length=context, **settings)  # type: ignore[no-any-return]


def _statistics(clip: Any, preprocess: dict[str, Any]) -> PixelStatistics:
    size = clip.visual.image_size
    height, width = size if isinstance(size, tuple) else (size, size)
    if height != width:
        raise UnsupportedTower(f"expected a square input, this model takes {width}x{height}")
    interpolation = preprocess.get("interpolation") or "bicubic"
    return PixelStatistics(
        side=height,
        mean=tuple(preprocess.get("mean") or open_clip.OPENAI_DATASET_MEAN),
        std=tuple(preprocess.get("std") or open_clip.OPENAI_DATASET_STD),
        interpolation="bilinear" if interpolation == "bilinear" else "bicubic",
    )
