"""Where a SAM comes from: a folder in transformers' format, the hub's cache, or the hub."""

from __future__ import annotations

import hashlib
import importlib.util
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import snapshot_download

from refmask.compat import IMAGENET_MEAN, IMAGENET_STD
from refmask.errors import (
    ConfigurationError,
    MissingResource,
    ModelError,
    WeightsError,
    WeightsUnavailable,
)
from refmask.ops.reading import MISSHAPEN
from refmask.weights.configurations import (
    Either,
    Listed,
    Maybe,
    Object,
    Rule,
    Tame,
    check,
    one_of,
    read_object,
    refuse_code,
    shown,
    whole,
)
from refmask.weights.hashing import sha256_of
from refmask.weights.hub import within_reach

CONFIG = "config.json"
#: Files that may say how pixels are normalised, and under which key; the first one there counts.
PREPROCESSING = {"preprocessor_config.json": None, "processor_config.json": "image_processor"}
WEIGHTS = "model.safetensors"
SHARDS = "model-*.safetensors"
#: All that is ever fetched: nothing else in a repository is read.
FETCHED = [CONFIG, *PREPROCESSING, WEIGHTS, f"{WEIGHTS}.index.json", SHARDS]
INSTALL = 'pip install "transformers>=5.3"'

#: What is asked of a configuration's numbers before transformers builds by them; of the rest,
#: transformers takes what it knows.
WIDTH, SIDE, DEPTH, HEADS = whole(1, 16384), whole(1, 4096), whole(1, 256), whole(1, 1024)
PART: dict[str, Rule] = {
    **dict.fromkeys(("hidden_size", "mlp_dim", "output_channels", "fpn_hidden_size"), WIDTH),
    **dict.fromkeys(("mask_input_channels", "iou_head_hidden_dim", "num_pos_feats"), WIDTH),
    **dict.fromkeys(("num_hidden_layers", "iou_head_depth", "num_multimask_outputs"), DEPTH),
    **dict.fromkeys(("num_feature_levels", "num_point_embeddings", "num_channels"), DEPTH),
    "num_attention_heads": HEADS,
    "patch_size": SIDE,
    "image_size": Either((SIDE, Listed(SIDE, (2,)))),
    "blocks_per_stage": Listed(DEPTH, (3, 4, 5)),
    "embed_dim_per_stage": Listed(WIDTH, (3, 4, 5)),
    "num_attention_heads_per_stage": Listed(HEADS, (3, 4, 5)),
    "backbone_channel_list": Listed(WIDTH, (3, 4, 5)),
    "quantization_config": one_of(None),
    # Other texts name kernels on a hub.
    **dict.fromkeys(("attn_implementation", "_attn_implementation"), one_of("eager", "sdpa", None)),
}
REST = Tame(100_000)
BACKBONE = Object(PART, others=REST)
VISION = Object({**PART, "backbone_config": Maybe(BACKBONE)}, others=REST)
PARTS = ("prompt_encoder_config", "mask_decoder_config")
CONFIGURATION = Object(
    {**PART, "vision_config": Maybe(VISION), **dict.fromkeys(PARTS, Maybe(BACKBONE))}, others=REST
)


@dataclass(frozen=True)
class Family:
    """One generation of the model.

    Attributes:
        name: of the proposer.
        model_class: its class in transformers.
        model_types: what ``config.json`` may call it.
        stretched: the image fills the square input; else it keeps its aspect ratio in the upper
            left, and the rest is zero.
    """

    name: str
    model_class: str
    model_types: tuple[str, ...]
    stretched: bool


SAM = Family("sam", "SamModel", ("sam",), stretched=False)
#: The published checkpoints call themselves video models; their image part is the same.
SAM2 = Family("sam2", "Sam2Model", ("sam2", "sam2_video"), stretched=True)


@dataclass(frozen=True)
class Source:
    """A model's files, before anything is built.

    Attributes:
        folder: where they lie.
        weights: one or several safetensors files.
        settings: the JSON files that the masks depend on.
        mean: per channel, of pixels from 0 to 1.
        std: per channel, of pixels from 0 to 1.
    """

    folder: Path
    weights: tuple[Path, ...]
    settings: tuple[Path, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]


def find_model(model: str, family: Family) -> Source:
    """A model's files by its folder or its name on the hub, fetched where needed.

    Args:
        model: a folder as ``save_pretrained`` writes it, or ``ORG/REPO`` on the Hugging Face hub.
        family: what it must be.

    Raises:
        MissingResource: when transformers is not installed.
        ConfigurationError: when ``model`` can be neither a folder nor a name on the hub.
        WeightsUnavailable: when it is neither on disk nor to be fetched.
        WeightsError: when there are no weights in the folder that are read without risk.
        ModelError: when it is no model of this family.
    """
    if importlib.util.find_spec("transformers") is None:
        raise missing_library(family)
    folder = Path(model) if Path(model).is_dir() else _from_hub(model, family)
    config = read_object(folder / CONFIG) if (folder / CONFIG).is_file() else {}
    kind = shown(config["model_type"]) if "model_type" in config else f"no {CONFIG}"
    if config.get("model_type") not in family.model_types:
        raise ModelError(
            f"expected a folder with a {CONFIG} of type {' or '.join(family.model_types)} for "
            f"{family.name}, got {kind} in {folder}; "
            "choose another model"
        )
    refuse_code(config, folder / CONFIG)
    check(config, CONFIGURATION, folder / CONFIG)
    single = folder / WEIGHTS
    weights = (single,) if single.is_file() else tuple(sorted(folder.glob(SHARDS)))
    if not weights:
        raise WeightsError(
            f"expected {WEIGHTS} in {folder}, there is none; only safetensors are read, load the "
            "model elsewhere and write it with save_pretrained"
        )
    settings = tuple(folder / name for name in (CONFIG, *PREPROCESSING) if (folder / name).exists())
    return Source(folder, weights, settings, *_statistics(folder))


def fingerprint(files: Sequence[Path]) -> str:
    """SHA-256 of a file, or of the list of names and SHA-256 of several."""
    if len(files) == 1:
        return sha256_of(files[0])
    lines = "".join(f"{sha256_of(file)}  {file.name}\n" for file in files)
    return hashlib.sha256(lines.encode()).hexdigest()


def missing_library(family: Family) -> MissingResource:
    """What is raised without transformers, or with one that does not know the model."""
    return MissingResource(
        f"proposals '{family.name}' need the library transformers, 5.3 or newer; run: {INSTALL}"
    )


def _from_hub(model: str, family: Family) -> Path:
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", model):
        raise ConfigurationError(
            f"expected {family.name}'s model as a folder or as ORG/REPO on the Hugging Face hub, "
            f"got {model!r}, which is neither; check the path"
        )
    try:
        cached = Path(snapshot_download(model, local_files_only=True))
    except Exception:  # whatever it is, it says that nothing usable is cached
        cached = None
    if cached is not None and (cached / CONFIG).exists() and list(cached.glob("*.safetensors")):
        return cached
    try:
        if not within_reach(model):
            raise OSError("the hub does not answer")
        return Path(snapshot_download(model, allow_patterns=FETCHED))
    except Exception as error:
        raise WeightsUnavailable(
            f"model {model} is no folder here, not in the local cache, and could not be fetched; "
            f"on a machine with network run 'hf download {model} --local-dir FOLDER' and use "
            f"that folder with `proposals={family.name}:model=FOLDER`; `proposals=grouping` "
            "works now"
        ) from error


def _statistics(folder: Path) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of pixels; ImageNet's, as published, where none are stated."""
    name = next((name for name in PREPROCESSING if (folder / name).is_file()), None)
    if name is None:
        return IMAGENET_MEAN, IMAGENET_STD
    content = read_object(folder / name)
    key = PREPROCESSING[name]
    stated = content.get(key) if key else content
    stated = stated if isinstance(stated, dict) else {}
    mean = stated.get("image_mean", IMAGENET_MEAN)
    std = stated.get("image_std", IMAGENET_STD)
    try:
        mean, std = tuple(map(float, mean)), tuple(map(float, std))
    except MISSHAPEN:
        mean, std = (), ()
    if len(mean) != 3 or len(std) != 3 or not all(value > 0 for value in std):
        raise ModelError(
            f"expected image_mean and image_std as three numbers in {folder / name}, "
            "std above 0; fetch the file again"
        )
    return mean, std
