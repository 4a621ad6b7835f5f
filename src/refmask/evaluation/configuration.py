"""Everything that a run's records depend on, as one flat record that JSON can hold.

Neither where files lie nor on what device is part of it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import platform
import subprocess
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from refmask.compat import Compat
from refmask.data import Dataset
from refmask.methods import Method
from refmask.methods.configuration import method_name, model_configuration
from refmask.segmenter import Segmenter
from refmask.text.parser import EMBEDDED, EMBEDDED_FOLDER, PhraseParser
from refmask.weights.hashing import sha256_of_folder

Configuration = dict[str, Any]

#: Installed packages whose version matters, by the name that reports use.
PACKAGES = {
    "refmask": "refmask",
    "torch": "torch",
    "open_clip": "open_clip_torch",
    "numpy": "numpy",
    "spacy": "spacy",
}


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that do the computing, by name."""
    return {"python": platform.python_version()} | {
        name: version(package) for name, package in PACKAGES.items()
    }


def commit() -> str | None:
    """The commit of the refmask that runs, where it runs from its repository.

    "-dirty" at its end tells that files differ from the commit.
    """
    root = Path(__file__).parents[3]
    if not (root / ".git").exists():
        return None
    asked = ("git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40")
    try:
        done = subprocess.run(asked, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def data_configuration(dataset: Dataset, first: int | None) -> Configuration:
    """Which pictures and expressions are asked: the first so many, or all of them."""
    told = {
        "data": dataset.name,
        "split": dataset.split,
        "split_by": getattr(dataset, "split_by", None),
        "subset": getattr(dataset, "subset", None),
        "questions": getattr(dataset, "questions", None),
        "fingerprint": dataset.fingerprint,
        "first": first,
    }
    return {name: value for name, value in told.items() if value is not None}


def system_configuration(segmenter: Segmenter) -> Configuration:
    """Method, model, terms and parser; the proposals are told by their source."""
    return _method(segmenter.method) | segmenter.choice | _parser(segmenter.parser)


def compat_configuration(compat: Compat) -> Configuration:
    """Those fields of the compatibility record that are not the default."""
    usual, asked = asdict(Compat()), asdict(compat)
    return {
        f"compat.{name}": list(value) if isinstance(value, tuple) else value
        for name, value in asked.items()
        if value != usual[name]
    }


def short_hash(configuration: Configuration) -> str:
    """The first digits of its SHA-256: what tells one run's folder from another's."""
    text = json.dumps(configuration, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _method(method: Method) -> Configuration:
    told: Configuration = {"method": method_name(method)}
    for field in dataclasses.fields(method):  # type: ignore[arg-type]  # each of ours is one
        value = getattr(method, field.name)
        if field.name == "encoder":
            told |= model_configuration(value)
        elif isinstance(value, Compat):
            told |= compat_configuration(value)
        else:
            told[field.name] = value
    return told


def _parser(parser: PhraseParser) -> Configuration:
    """The parser by name; a shipped or local pipeline by its files, another by its version."""
    name = parser.pipeline
    folder = EMBEDDED_FOLDER if name == EMBEDDED else Path(name)
    if folder.is_dir():
        return {"parser": Path(name).name, "parser_sha256": sha256_of_folder(folder)}
    try:
        return {"parser": name, "parser_version": version(name)}
    except PackageNotFoundError:
        return {"parser": name}
