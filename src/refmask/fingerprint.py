"""What a result depends on: one answer for caches, scene files, runs, indexes and batches.

Neither where files lie nor on what device something is computed is part of it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import platform
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from refmask.compat import Compat, reference
from refmask.errors import ConfigurationError
from refmask.methods import METHODS
from refmask.ops.images import checked
from refmask.proposals.given import GivenMasks
from refmask.proposals.refine import Refined, configuration_of
from refmask.provenance import spelled
from refmask.text.parser import EMBEDDED, EMBEDDED_FOLDER
from refmask.types import ConfiguredProposer, MaskProposals, MaskProposer, UInt8Array
from refmask.weights.hashing import sha256_of_folder

if TYPE_CHECKING:
    from refmask.data import Dataset
    from refmask.methods.base import Encoder, Method
    from refmask.text.parser import PhraseParser

#: Counted up when the same model and settings give other features than before, beyond rounding.
ARITHMETIC = 1
#: Installed packages whose version matters, by the name that reports use.
PACKAGES = {
    "refmask": "refmask",
    "torch": "torch",
    "open_clip": "open_clip_torch",
    "numpy": "numpy",
    "spacy": "spacy",
}
#: Longest value that a message shows whole, characters of others, and how many differences.
LONGEST, SHORT, SHOWN = 40, 12, 6


class Fingerprint(Mapping[str, Any]):
    """Settings by name, flat or not: what JSON can hold.

    Args:
        values: as another program may have written them; the order of names does not matter.

    Raises:
        ConfigurationError: when JSON cannot hold them.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        try:
            # What JSON makes of them is what will be read again.
            self._values: dict[str, Any] = json.loads(json.dumps(dict(values)))
        except (TypeError, ValueError):
            raise ConfigurationError(
                f"settings are texts, numbers, lists, true, false and null by name, got {values!r};"
                " leave out what JSON cannot hold"
            ) from None

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __or__(self, other: Mapping[str, Any]) -> Fingerprint:
        return Fingerprint({**self, **other})

    def __repr__(self) -> str:
        return f"<Fingerprint {self.sha256[:SHORT]} of {len(self)} settings>"

    @cached_property
    def sha256(self) -> str:
        """In hexadecimal; equal for equal settings."""
        text = json.dumps(self._values, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def short(self) -> str:
        """The first digits of ``sha256``: what tells one folder from another."""
        return self.sha256[:8]

    def changes(self, other: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
        """Settings that differ, by name: this one's value and the other's, None where missing."""
        pairs = {name: (self.get(name), other.get(name)) for name in {**self, **other}}
        return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}

    def diff(self, other: Mapping[str, Any]) -> list[str]:
        """The same as readable lines, "alpha 0.85 instead of 0.95".

        The model is only a name for weights whose hash is known.
        """
        named = self.get("weights_sha256") is not None
        return [
            f"{name} {short(mine)} instead of {short(theirs)}"
            for name, (mine, theirs) in self.changes(other).items()
            if name != "model" or not named
        ]

    def summary(self, other: Mapping[str, Any]) -> str:
        """The first few lines of ``diff`` in one; empty when both are the same."""
        lines = self.diff(other)
        more = [f"and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
        return "; ".join(lines[:SHOWN] + more)

    def part(self, prefix: str) -> Fingerprint:
        """The settings whose names begin so, without the prefix."""
        own = {name: value for name, value in self.items() if name.startswith(prefix)}
        return Fingerprint({name.removeprefix(prefix): value for name, value in own.items()})

    def under(self, prefix: str) -> Fingerprint:
        """The same settings, each name after a prefix."""
        return Fingerprint({prefix + name: value for name, value in self.items()})


def of_image(image: UInt8Array) -> str:
    """SHA-256 of an image's size and pixels, in hexadecimal, whatever its file is called.

    Args:
        image: uint8 RGB (H, W, 3).

    Raises:
        ImageError: when the array is not a uint8 RGB image.
    """
    height, width = checked(image).shape[:2]
    found = hashlib.sha256(f"{height} {width} ".encode())
    found.update(np.ascontiguousarray(image).data)
    return found.hexdigest()


def of_masks(proposals: MaskProposals) -> str:
    """SHA-256 of masks and boxes in their order, in hexadecimal; quality and details do not count.

    Args:
        proposals: N masks.
    """
    found = hashlib.sha256(f"{proposals.masks.shape} ".encode())
    for mask in proposals.masks:
        found.update(np.packbits(mask).data)
    found.update(np.ascontiguousarray(proposals.boxes).data)
    return found.hexdigest()


def of_encoder(encoder: Encoder) -> Fingerprint:
    """A model by name, and what its features depend on; files by their names."""
    from refmask.ops.devices import precision_name  # which imports torch: proposers need none

    # The same weights give other features under another configuration, such as another GELU.
    configured = [encoder.model_cfg, asdict(encoder.statistics)]
    text = json.dumps(configured, sort_keys=True, default=str)
    return Fingerprint(
        {
            "model": model_name(encoder),
            "model_sha256": hashlib.sha256(text.encode()).hexdigest(),
            "weights_sha256": encoder.weights_sha256,
            "precision": precision_name(encoder.precision),
        }
    )


def of_features(encoder: Encoder) -> Fingerprint:
    """A model as cached features name it: ``of_encoder``, and the version of our arithmetic.

    Raises:
        ConfigurationError: when its weights are no file, so that nothing tells them from others.
    """
    if encoder.weights is None:
        raise ConfigurationError(
            f"{encoder.name} was not read from a file, so its features cannot be distinguished "
            "from another's; load it by load_clip, or use no cache"
        )
    return of_encoder(encoder) | {"arithmetic": ARITHMETIC}


def of_proposer(proposer: MaskProposer) -> Fingerprint:
    """What a proposer's masks depend on: its own ``configuration()``.

    Raises:
        ConfigurationError: when it has none, or one of more than texts, numbers, true, false, null.
    """
    configuration = configuration_of(proposer)
    plain = isinstance(configuration, Mapping) and all(
        isinstance(name, str) and isinstance(value, str | int | float | bool | None)
        for name, value in configuration.items()
    )
    if not plain or not configuration:
        raise ConfigurationError(
            f"a proposer's configuration holds texts, numbers, true, false and null by name, got "
            f"{configuration!r}; make configuration() give such"
        )
    return Fingerprint(configuration)


def of_method(method: Method) -> Fingerprint:
    """A method: its name, its model, and all its settings."""
    values: dict[str, Any] = {"method": method_name(method)}
    for field in dataclasses.fields(method):  # type: ignore[arg-type]  # each of ours is one
        value = getattr(method, field.name)
        if field.name == "encoder":
            values |= of_encoder(value)
        elif isinstance(value, Compat):
            values |= of_compat(value)
        else:
            values[field.name] = value
    return Fingerprint(values)


def of_compat(compat: Compat) -> Fingerprint:
    """Those fields of the compatibility record that are not the default."""
    usual = asdict(Compat())
    changed = {name: value for name, value in asdict(compat).items() if value != usual[name]}
    return Fingerprint(changed).under("compat.")


def of_parser(parser: PhraseParser) -> Fingerprint:
    """The parser by name; a shipped or local pipeline by its files, another by its version."""
    name = parser.pipeline
    folder = EMBEDDED_FOLDER if name == EMBEDDED else Path(name)
    if folder.is_dir():
        return Fingerprint({"parser": Path(name).name, "parser_sha256": sha256_of_folder(folder)})
    try:
        return Fingerprint({"parser": name, "parser_version": version(name)})
    except PackageNotFoundError:
        return Fingerprint({"parser": name})


def of_system(method: Method, choice: Mapping[str, Any], parser: PhraseParser) -> Fingerprint:
    """A segmenter but for its proposer; ``choice`` is what else choosing depends on."""
    return of_method(method) | choice | of_parser(parser)


def of_versions() -> Fingerprint:
    """Versions of Python and of the packages that do the computing."""
    found = {name: version(package) for name, package in PACKAGES.items()}
    return Fingerprint({"python": platform.python_version()} | found).under("version.")


def of_dataset(dataset: Dataset, first: int | None) -> Fingerprint:
    """A data set's images and expressions: the first so many, or all of them."""
    names = ("split_by", "subset", "questions")
    values = {
        "data": dataset.name,
        "split": dataset.split,
        **{name: getattr(dataset, name, None) for name in names},
        "fingerprint": dataset.fingerprint,
        "first": first,
    }
    return Fingerprint({name: value for name, value in values.items() if value is not None})


def commit() -> str | None:
    """The commit of the refmask that runs, where it runs from its repository.

    "-dirty" at its end: files differ from the commit.
    """
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        return None
    command = ("git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40")
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def short(value: Any) -> str:
    """A setting as a message shows it; digests and the like by their beginning."""
    text = "nothing" if value is None else str(value)
    return text if len(text) <= LONGEST else f"{text[:SHORT]}..."


def model_name(encoder: Encoder) -> str:
    """A model's name, its files without their folders."""
    words = encoder.name.split(" ")
    return " ".join(Path(word).name if Path(word).exists() else word for word in words)


def method_name(method: Method) -> str:
    """A method's key in ``METHODS``; its class where it has none.

    A shortened one (``SHORTENED``) has the key of the one that it derives from.
    """
    places = [(cls.__module__, cls.__name__) for cls in type(method).__mro__]
    names = {place: name for name, place in METHODS.items()}
    return next((names[place] for place in places if place in names), type(method).__name__)


def describe_method(method: Method, others: Mapping[str, Any]) -> str:
    """A method and its settings on one line, as ``Provenance.method`` has them.

    Args:
        method: any.
        others: what else its answers depend on, such as terms.
    """
    fields: tuple[Any, ...] = dataclasses.fields(method) if dataclasses.is_dataclass(method) else ()
    values = {field.name: getattr(method, field.name) for field in fields if field.init}
    plain = {name: v for name, v in values.items() if isinstance(v, bool | int | float | str)}
    compat = {}
    if method.compat != Compat():
        released = method.compat in (reference("vit"), reference("resnet"))
        compat = {"compat": "reference" if released else "other"}
    return spelled(method_name(method), {**plain, **compat, **others})


def describe_proposer(proposer: MaskProposer) -> str:
    """A proposer with its settings on one line, as ``Provenance.proposals`` has them.

    One without a configuration goes by its class.
    """
    return spelled(*_named(proposer))


def describe_masks(configuration: Mapping[str, Any]) -> str:
    """As ``describe_proposer``, from what a proposer's ``configuration`` gave."""
    return spelled(*_name_and_settings(configuration))


def _named(proposer: MaskProposer) -> tuple[str, Mapping[str, Any]]:
    """A proposer's name and settings."""
    if isinstance(proposer, Refined):
        name, settings = _named(proposer.proposer)
        return name, {**settings, **proposer.refinement.settings()}
    if isinstance(proposer, GivenMasks):
        return f"masks:{proposer.path}", {}
    if isinstance(proposer, ConfiguredProposer):
        return _name_and_settings(proposer.configuration())
    return type(proposer).__name__, {}


def _name_and_settings(configuration: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    settings = dict(configuration)
    return str(settings.pop("proposer", "unnamed")), settings
