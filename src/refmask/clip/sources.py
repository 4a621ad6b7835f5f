"""Where a model's configuration and weights come from: a name, a folder, a file or a hub."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import open_clip
from open_clip.pretrained import download_pretrained, download_pretrained_from_hf

from refmask.clip.activation import check_activation
from refmask.clip.configuration import read_configuration
from refmask.clip.files import CONFIG, CONFIG_FILE, TRANSFORMERS_WEIGHTS, WEIGHT_FILES
from refmask.clip.transformers_names import read_config
from refmask.errors import ConfigurationError, ModelError, WeightsUnavailable
from refmask.provenance import EMBEDDED, OFFLINE
from refmask.weights.hub import is_cached, within_reach

HUB = "hf-hub:"
#: What a configuration file may recommend to a method, of all that it has under "refmask".
ADVICE = ("alpha", "beta", "mask_layers")


@dataclass(frozen=True)
class Source:
    """A model before it is built.

    Attributes:
        name: for reports and messages.
        model_cfg: open_clip's model configuration.
        preprocess_cfg: mean, std and interpolation, as far as they are stated.
        weights: the weights file that belongs to it, if any.
        folder: what relative paths in the configuration refer to; None for open_clip's own models.
        repository: where the user said on a hub that it is; None when no hub was named.
        advice: our own "refmask" entry of the configuration file: recommended blend settings.
    """

    name: str
    model_cfg: dict[str, Any]
    preprocess_cfg: dict[str, Any] = field(default_factory=dict)
    weights: Path | None = None
    folder: Path | None = None
    repository: str | None = None
    advice: dict[str, Any] = field(default_factory=dict)


def find_model(model: str) -> Source:
    """Resolve "embedded", a hub id, a folder, a JSON file, or an open_clip model name.

    Raises:
        ConfigurationError: when it is none of these, with the nearest names.
        ModelError: when a configuration file cannot be used.
        WeightsUnavailable: when a hub cannot be reached.
    """
    if model == EMBEDDED:
        return _from_folder(Path(str(files("refmask") / "assets" / "clip")), name=EMBEDDED)
    if model.startswith(HUB):
        source = _from_file(_configuration_of(model), name=model, weights=_weights_of(model))
        return dataclasses.replace(source, repository=model.removeprefix(HUB))
    path = Path(model)
    if path.is_dir():
        return _from_folder(path, name=model)
    if path.is_file():
        return _from_json(path, name=model)
    cfg = open_clip.get_model_config(model.replace("/", "-"))
    if cfg is None:
        known = [OFFLINE, EMBEDDED, *open_clip.list_models()]
        near = difflib.get_close_matches(model, known, n=4, cutoff=0.5)
        raise ConfigurationError(
            f"expected {OFFLINE!r}, {EMBEDDED!r}, an open_clip model name, 'hf-hub:ORG/REPO', a "
            f"folder or a JSON file, got {model!r}"
            + (f"; did you mean {', '.join(near)}?" if near else "")
        )
    return Source(model.replace("/", "-"), cfg)


def find_weights(source: Source, weights: str | None) -> tuple[Path, dict[str, Any]]:
    """The weights file for a model and what it says about preprocessing.

    Args:
        source: the model.
        weights: a local file, a hub id, a pretrained tag, or None for the model's own.

    Raises:
        ConfigurationError: for an unknown tag, or when the model has no weights of its own.
        WeightsUnavailable: when they are neither in the cache nor to be fetched.
    """
    tags = open_clip.list_pretrained_tags_by_model(source.name)
    if weights is None:
        if source.weights is None:
            raise ConfigurationError(
                f"model {source.name} comes without weights; choose some: a file"
                + (f", or one of the tags {', '.join(tags)}" if tags else "")
            )
        return source.weights, source.preprocess_cfg
    if weights.startswith(HUB):
        path = _weights_of(weights)
        with suppress(WeightsUnavailable):
            _configuration_of(weights)  # so that it lies beside them and tells their activation
        return path, source.preprocess_cfg
    if weights in tags:
        return _from_tag(source, weights)
    if "/" in weights or Path(weights).suffix or Path(weights).exists():
        return Path(weights), source.preprocess_cfg
    raise ConfigurationError(
        f"expected weights for {source.name} as a file, 'hf-hub:ORG/REPO'"
        + (f" or one of {', '.join(tags)}" if tags else "")
        + f", got {weights!r}"
    )


def _from_tag(source: Source, tag: str) -> tuple[Path, dict[str, Any]]:
    cfg = open_clip.get_pretrained_cfg(source.name, tag)
    trained_quick = bool(cfg.get("quick_gelu", False))
    check_activation(source.name, source.model_cfg, trained_quick, repr(tag))
    repository = cfg.get("hf_hub", "").rstrip("/") or cfg.get("url", "")
    wanted = f"weights {tag!r} of {source.name}"
    return fetch(wanted, repository, lambda: download_pretrained(cfg)), cfg


def _configuration_of(hub_id: str) -> Path:
    """The configuration of a model of the hub, in open_clip's form or else transformers'."""
    repository = hub_id.removeprefix(HUB)
    # What is cached first: without a network, asking for the other one takes most of a minute.
    first, second = sorted((CONFIG_FILE, CONFIG), key=lambda name: not is_cached(repository, name))
    try:
        return from_hub(hub_id, first)
    except WeightsUnavailable as missing:
        with suppress(WeightsUnavailable):
            return from_hub(hub_id, second)
        raise missing from None


def _weights_of(hub_id: str) -> Path:
    """The weights of a model of the hub, in open_clip's form or else transformers'."""
    try:
        return from_hub(hub_id)
    except WeightsUnavailable as missing:
        for name in TRANSFORMERS_WEIGHTS:
            with suppress(WeightsUnavailable):
                return from_hub(hub_id, name)
        raise missing from None


def from_hub(hub_id: str, filename: str | None = None) -> Path:
    """A file of ``hf-hub:ORG/REPO``, by default its weights; raises WeightsUnavailable."""
    repository = hub_id.removeprefix(HUB)
    wanted = filename or f"the weights of {hub_id}"
    return fetch(
        wanted, repository, lambda: download_pretrained_from_hf(repository, filename=filename)
    )


def fetch(wanted: str, repository: str, download: Callable[[], str | Path]) -> Path:
    """Download, or fail at once and in one line when that cannot work.

    Raises:
        WeightsUnavailable: naming what was wanted.
    """
    # The few weights that open_clip has from a plain address are no business of the hub's.
    if "://" not in repository and not within_reach("/".join(repository.split("/")[:2])):
        raise _unavailable(wanted, repository)
    try:
        return Path(download())
    except Exception as error:
        raise _unavailable(wanted, repository) from error


def _unavailable(wanted: str, repository: str) -> WeightsUnavailable:
    return WeightsUnavailable(
        f"{wanted} are not in the local cache and could not be fetched; on a machine with network "
        f"download them from {repository} on the Hugging Face hub and pass the file with "
        "--weights FILE, or copy that machine's ~/.cache/huggingface here; "
        "--model offline works now"
    )


def _from_folder(folder: Path, name: str) -> Source:
    configs = [folder / name for name in (CONFIG_FILE, CONFIG) if (folder / name).is_file()]
    if not configs:
        raise ModelError(f"expected {CONFIG_FILE} or transformers' {CONFIG} in {folder}")
    weights = next((folder / file for file in WEIGHT_FILES if (folder / file).is_file()), None)
    return _from_file(configs[0], name=name, weights=weights)


def _from_file(config: Path, name: str, weights: Path | None = None) -> Source:
    """A model by its configuration, in open_clip's form or transformers'."""
    if config.name != CONFIG:
        return _from_json(config, name=name, weights=weights)
    cfg, preprocess = read_config(config)
    return Source(name, cfg, preprocess, weights, config.parent)


def _from_json(path: Path, name: str, weights: Path | None = None) -> Source:
    content = read_configuration(path)
    advice = content.get("refmask", {})
    return Source(
        name,
        content["model_cfg"],
        preprocess_cfg=content.get("preprocess_cfg", {}),
        weights=weights,
        folder=path.parent,
        advice={key: advice[key] for key in ADVICE if key in advice},
    )
