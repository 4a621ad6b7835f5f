"""``refmask models``: list, fetch and verify models."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from refmask.cli.hints import as_options
from refmask.errors import ConfigurationError

if TYPE_CHECKING:
    from refmask.weights.catalogue import Published

LIST = "list"
MORE = (
    "Besides these: any open_clip model (--model NAME --weights TAG), any SAM or SAM 2 that\n"
    "transformers loads (--proposals sam:model=...), any timm backbone (--proposals "
    "freemask:backbone=timm/NAME)."
)


@dataclass(frozen=True)
class Model:
    """A row of the list; ``place`` is a path, or where to get the model."""

    name: str
    here: bool
    megabytes: float
    licence: str
    purpose: str
    place: str


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION")
    listing = actions.add_parser(LIST, help="list models and whether they are here (the default)")
    listing.add_argument("--json", action="store_true", help="print one JSON object per model")
    fetch = actions.add_parser("fetch", help="download published models into the cache")
    fetch.add_argument("name", metavar="NAME", nargs="+")
    verify = actions.add_parser("verify", help="compare files with their published SHA-256")
    verify.add_argument("name", metavar="NAME", nargs="*", help="default: all that are here")


def run(args: argparse.Namespace) -> int:
    """Run the action."""
    if args.action == "fetch":
        return _fetch(args.name)
    if args.action == "verify":
        return _verify(args.name)
    models = _models()
    if getattr(args, "json", False):
        for model in models:
            print(json.dumps(asdict(model)))
        return 0
    for model in models:
        here = "here" if model.here else "-"
        print(f"{model.name:26} {here:5} {model.megabytes:6.0f} MB  {as_options(model.purpose)}")
        print(f"{'':30} {model.licence}; {model.place}")
    print(MORE)
    return 0


def _models() -> list[Model]:
    from refmask.weights.catalogue import PUBLISHED, SHIPPED

    models = [
        Model(name, True, _size(shipped.path), shipped.licence, shipped.purpose, "shipped")
        for name, shipped in SHIPPED.items()
    ]
    for name, model in PUBLISHED.items():
        path = _here(model)
        size = _size(path) if path else model.megabytes
        place = str(path) if path else f"huggingface.co/{model.repository}"
        models.append(Model(name, path is not None, size, model.licence, model.purpose, place))
    return models


def _here(model: Published) -> Path | None:
    """The weights file of a published model: in the hub's cache, or the user's."""
    from refmask.weights.hub import brought, cached

    return cached(model) or brought(model)


def _size(path: Path) -> float:
    """Megabytes of a file, or of all files below a folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file()) / 1e6


def _fetch(names: list[str]) -> int:
    from refmask.weights.catalogue import PUBLISHED, SHIPPED
    from refmask.weights.hashing import sha256_of
    from refmask.weights.hub import fetch

    _check(names, [*PUBLISHED, *SHIPPED])
    for name in names:
        if name in SHIPPED:
            print(f"{name}: comes with refmask; nothing to fetch")
            continue
        path = fetch(name)
        print(f"{name}: {path} ({_size(path):.1f} MB, SHA-256 {sha256_of(path)})")
    return 0


def _verify(names: list[str]) -> int:
    from refmask.weights.catalogue import PUBLISHED, SHIPPED

    _check(names, [*PUBLISHED, *SHIPPED])
    damaged = 0
    for name in names or [*SHIPPED, *PUBLISHED]:
        digest, published = _digests(name)
        if digest is None and names:
            print(f"{name}: not here; 'refmask models fetch {name}' fetches it")
        elif digest is not None and published is None:
            print(f"{name}: SHA-256 {digest}; no published SHA-256 to compare it with")
        elif digest is not None and published == digest:
            print(f"{name}: matches its published SHA-256 {digest}")
        elif digest is not None:
            damaged += 1
            advice = "install refmask again" if name in SHIPPED else "delete it and fetch it again"
            error = f"{name} is damaged: SHA-256 {digest}, not {published}; {advice}"
            print(f"refmask: error: {as_options(error)}", file=sys.stderr)
    return 1 if damaged else 0


def _digests(name: str) -> tuple[str | None, str | None]:
    """SHA-256 of a model here, and the published one; None where unknown."""
    from refmask.weights.catalogue import PUBLISHED, SHIPPED
    from refmask.weights.hashing import sha256_of, sha256_of_folder
    from refmask.weights.hub import stated_sha256

    if name in SHIPPED:
        return sha256_of_folder(SHIPPED[name].path), SHIPPED[name].sha256
    path = _here(PUBLISHED[name])
    if path is None:
        return None, None
    return sha256_of(path), stated_sha256(PUBLISHED[name], path)


def _check(names: list[str], known: list[str]) -> None:
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ConfigurationError(f"unknown model '{unknown[0]}'; choose from {', '.join(known)}")
