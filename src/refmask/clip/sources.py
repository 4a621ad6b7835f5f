"""Where a model's configuration and weights come from: a name, a folder, a file or a hub."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from importlib.resources import files
from pathlib import Path, PurePosixPath
from typing import Any

from refmask.clip.activations import check_activation
from refmask.clip.configuration import (
    CONFIG,
    CONFIG_FILE,
    WEIGHT_FILES,
    architectures,
    open_clip_folder,
    read_configuration,
    read_transformers,
)
from refmask.errors import (
    ConfigurationError,
    ModelError,
    RefmaskError,
    WeightsError,
    WeightsUnavailable,
)
from refmask.ops.reading import check_file, is_absent, is_file, is_folder
from refmask.provenance import EMBEDDED, OFFLINE
from refmask.weights.tags import STATISTICS, TAGS

HUB = "hf-hub:"
#: What a configuration file may recommend to a method, of all that it has under "refmask".
ADVICE = ("alpha", "beta", "mask_layers", "calibration")


@dataclass(frozen=True)
class Source:
    """A model before it is built.

    Attributes:
        name: for reports and messages.
        model_cfg: its configuration, in open_clip's form.
        preprocess_cfg: mean, std and interpolation, as far as they are stated.
        weights: the weights file that belongs to it, if any.
        folder: what relative paths in the configuration refer to; None for open_clip's own models.
        repository: where the user said on a hub that it is; None when no hub was named.
        advice: our own "refmask" entry of the configuration file: blend settings and calibration.
    """

    name: str
    model_cfg: dict[str, Any]
    preprocess_cfg: dict[str, Any] = field(default_factory=dict)
    weights: Path | None = None
    folder: Path | None = None
    repository: str | None = None
    advice: dict[str, Any] = field(default_factory=dict)

    def file(self, named: str, what: str) -> Path:
        """A file that the configuration names by its path below the model's folder.

        Raises:
            ModelError: when it leads outside, or is not there.
            WeightsUnavailable: when it is on a hub and cannot be fetched.
        """
        if self.folder is None:
            raise ModelError(
                f"{self.name} comes without a folder, but names {what} {named} in one; choose "
                "another"
            )
        path = inside(self.folder, named, what)
        if self.repository is not None and not path.is_file():
            return _fetch(named, self.repository, (named,))
        if not path.is_file():
            raise ModelError(f"expected {what} at {path}, there is no file; put it there")
        return path

    def beside(self, named: str, names: Sequence[str], what: str) -> Path:
        """The folder with what the configuration names as a repository of a hub's.

        A hub is asked only where the user named one, or one of open_clip's own models.

        Args:
            named: ``ORG/REPO``; for a model in a folder also the path of a folder in it.
            names: of files that may be there; at least one is.
            what: it is, for messages.

        Raises:
            ModelError: when it leads outside the model's folder, or has none of the files.
            WeightsUnavailable: when it is on a hub and cannot be fetched.
        """
        if self.folder is None or self.repository is not None:
            from refmask.weights.hub import snapshot

            wanted = f"{what} {named}"
            folders = [_or_unavailable(wanted, named, partial(snapshot, named, names))]
        else:
            folders = [inside(self.folder, named, what), self.folder]
        for folder in folders:
            if any((folder / name).is_file() for name in names):
                return folder
        raise ModelError(
            f"{self.name} needs {what} {named}, and {folders[-1]} has no {names[0]}; nothing is "
            "fetched for a model in a folder, put that repository's files there"
        )


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
        repository = repository_of(model)
        config, weights = _configuration_of(repository), _weights_of(repository)
        return _from_file(config, model, weights, repository)
    path = Path(model)
    if model and is_folder(path):
        return _from_folder(path, name=model)
    if is_file(path):
        return _from_file(path, model)
    known, name = architectures(), model.replace("/", "-")
    if name in known:
        return Source(name, json.loads(known[name].read_text(encoding="utf-8")))
    near = difflib.get_close_matches(model, [OFFLINE, EMBEDDED, *known], n=4, cutoff=0.5)
    raise ConfigurationError(
        f"unknown model {model[:80]!r}; choose {OFFLINE!r}, {EMBEDDED!r}, an open_clip model name, "
        "'hf-hub:ORG/REPO', a folder or a JSON file"
        + (f"; did you mean {', '.join(near)}?" if near else "")
    )


def find_weights(source: Source, weights: str | None) -> tuple[Path, dict[str, Any]]:
    """The weights file for a model and what it says about preprocessing.

    Args:
        source: the model.
        weights: a local file, a hub id, a pretrained tag, or None for the model's own.

    Raises:
        ConfigurationError: for an unknown tag, or when the model has no weights of its own.
        WeightsUnavailable: when they are neither in the cache nor to be fetched.
    """
    if weights is None and source.weights is not None:
        return source.weights, source.preprocess_cfg
    if weights is not None and weights.startswith(HUB):
        repository = repository_of(weights)
        path = _weights_of(repository)
        with suppress(WeightsUnavailable):
            _configuration_of(repository)  # so that it lies beside them and tells their activation
        return path, source.preprocess_cfg
    tags = TAGS.get(source.name, {})
    if weights in tags:
        return _of_tag(source, weights, tags[weights]), STATISTICS.get(tags[weights], {})
    if weights is not None and is_path(weights):
        return Path(weights), source.preprocess_cfg
    if source.folder is None and (not tags if weights is None else is_mentioned(weights)):
        from refmask.clip.adapter import pretrained

        theirs = pretrained(source.name)
        if weights in theirs:
            told = theirs[weights]
            quick = bool(told.get("quick_gelu", False))
            check_activation(source.name, source.model_cfg, quick, repr(weights))
            return _of_tag(source, weights, told["hf_hub"]), told
        tags = dict.fromkeys([*tags, *theirs], "")
    choice = "a file" if weights is None else "a file, 'hf-hub:ORG/REPO'"
    choice += f" or one of the tags {', '.join(tags)}" if tags else ""
    raise ConfigurationError(
        f"model {source.name} comes without weights; choose {choice}"
        if weights is None
        else f"model {source.name} has no weights {weights!r}; choose {choice}"
    )


def check_names(model: str, weights: str | None) -> None:
    """Raise what ``find_model`` and ``find_weights`` would, as far as that takes no time.

    Neither torch nor open_clip is imported, and no hub is asked.
    """
    for name in (model, weights or ""):
        if name.startswith(HUB):
            repository_of(name)
    if model.startswith(HUB):
        return
    source = find_model(model)
    if weights is None or weights.startswith(HUB) or weights in TAGS.get(source.name, {}):
        return
    if is_path(weights):
        check_file(Path(weights), "weights", WeightsError, "weights")
    elif source.folder is not None or not is_mentioned(weights):
        find_weights(source, weights)


def repository_of(name: str) -> str:
    """``ORG/REPO`` of ``hf-hub:ORG/REPO``; raises ConfigurationError for anything else."""
    repository = name.removeprefix(HUB)
    if not re.fullmatch(r"[\w-][\w.-]*/[\w-][\w.-]*", repository):
        raise ConfigurationError(f"{name[:80]!r} names no repository of a hub; write {HUB}ORG/REPO")
    return repository


def is_path(weights: str) -> bool:
    """Whether weights are named by their file, not by a tag."""
    return "/" in weights or bool(Path(weights).suffix) or not is_absent(Path(weights))


def is_mentioned(tag: str) -> bool:
    """Whether open_clip's list of weights, which takes seconds to import, may have a tag."""
    file = open_clip_folder() / "pretrained.py"
    return not file.is_file() or tag in file.read_text(encoding="utf-8")


def _of_tag(source: Source, tag: str, place: str) -> Path:
    """Weights at ``ORG/REPO``, ``ORG/REPO/`` or ``ORG/REPO/FILE``."""
    organisation, repository, file = (*place.split("/"), "")[:3]
    names = (file,) if file else WEIGHT_FILES[:2]
    return _fetch(f"weights {tag!r} of {source.name}", f"{organisation}/{repository}", names)


def _configuration_of(repository: str) -> Path:
    """The configuration of a model of the hub, in open_clip's form or else transformers'."""
    return _fetch(f"{CONFIG_FILE} of {repository}", repository, (CONFIG_FILE, CONFIG))


def _weights_of(repository: str) -> Path:
    """The weights of a model of the hub, in open_clip's form or else transformers'."""
    return _fetch(f"the weights of {HUB}{repository}", repository, WEIGHT_FILES)


def _fetch(wanted: str, repository: str, names: Sequence[str]) -> Path:
    """The first file of some names that a repository has; raises WeightsUnavailable."""
    from refmask.weights.hub import first_of

    return _or_unavailable(wanted, repository, partial(first_of, repository, names))


def _or_unavailable(wanted: str, repository: str, download: Callable[[], Path]) -> Path:
    """What is downloaded; raises WeightsUnavailable, naming what was wanted."""
    try:
        return download()
    except RefmaskError:
        raise
    except Exception as error:  # of the hub's client, of no narrower class
        raise WeightsUnavailable(
            f"{wanted} are not in the local cache and could not be fetched; on a machine with "
            f"network download them from {repository} on the Hugging Face hub and pass the file "
            "with `weights=FILE`, or copy that machine's ~/.cache/huggingface here; "
            "`model=offline` works now"
        ) from error


def _from_folder(folder: Path, name: str) -> Source:
    config = next((folder / one for one in (CONFIG_FILE, CONFIG) if (folder / one).is_file()), None)
    if config is None:
        raise ModelError(
            f"expected {CONFIG_FILE} or transformers' {CONFIG} in {folder}, there is none; check "
            "the path"
        )
    weights = next((folder / file for file in WEIGHT_FILES if (folder / file).is_file()), None)
    return _from_file(config, name, weights)


def _from_file(
    config: Path, name: str, weights: Path | None = None, repository: str | None = None
) -> Source:
    """A model by its configuration, in open_clip's form or transformers'."""
    read = read_transformers if config.name == CONFIG else read_configuration
    content = read(config)
    advice = content.get("refmask", {})
    return Source(
        name,
        content["model_cfg"],
        preprocess_cfg=content.get("preprocess_cfg", {}),
        weights=weights,
        folder=config.parent,
        repository=repository,
        advice={key: advice[key] for key in ADVICE if key in advice},
    )


def inside(folder: Path, named: str, what: str) -> Path:
    """A path below a folder; raises ModelError when it, or a link in it, leads outside."""
    parts = PurePosixPath(named.replace("\\", "/"))
    path = folder / parts
    roots = [folder]
    if folder.parent.name == "snapshots":  # of a hub's cache, whose files are links
        roots.append(folder.parent.parent / "blobs")
    try:
        found = path.resolve()
        within = any(found.is_relative_to(root.resolve()) for root in roots)
    except (OSError, RuntimeError, ValueError):  # a loop of links, or a name that cannot be
        within = False
    if parts.is_absolute() or ".." in parts.parts or not within:
        raise ModelError(f"{what} {named!r} lies outside {folder}; only files in it are read")
    return path
