"""Kinds of input: what refmask itself keeps: stores, scenes, indices, batches, settings."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

import refmask
from attack.images import noise
from attack.kinds import Kind
from attack.scenes import repacked
from refmask.cache.features import FeatureCache
from refmask.cache.masks import MaskCache
from refmask.cache.scene_file import read_scene
from refmask.search.folder import MARKER as INDEX
from refmask.search.folder import Marker, read_marker, write_marker
from refmask.settings import file as settings
from refmask.settings.remembered import Remembered, RememberedFile
from refmask.types import MaskProposals

MADE_BY = {"proposer": "attack"}
OWNER = {"image": "a" * 64, "part": "vision"}


def kinds(gadgets: list[bytes]) -> Iterator[Kind]:
    """Kinds of this subject."""
    del gadgets
    store = _store()
    entries = [name for name in store if name.endswith((".masks", ".features"))]
    yield Kind("store entries", store, _entries, entries)
    others = [name for name in store if name not in entries]
    yield Kind("store", store, _entries, others)
    yield Kind("index", {INDEX: _marker()}, lambda folder, _: read_marker(folder))
    yield Kind("settings", {"config.toml": _toml()}, _settings)
    yield Kind(
        "scenes", {"a.scene.safetensors": _scene()}, lambda folder, n: read_scene(folder / n)
    )


def _proposals() -> MaskProposals:
    masks = np.zeros((2, 12, 16), bool)
    masks[0, 2:8, 3:9] = masks[1, 8:, :] = True
    return MaskProposals(masks, quality=np.array([0.5, 0.25]))


def _store() -> dict[str, bytes]:
    with TemporaryDirectory() as place:
        MaskCache(place, create=True).put(MADE_BY, noise(), _proposals())
        FeatureCache(place).put(OWNER, np.arange(12, dtype=np.float32).reshape(3, 4))
        found = sorted(path for path in Path(place).rglob("*") if path.is_file())
        named = {str(path.relative_to(place)): path.read_bytes() for path in found}
    return {name: content for name, content in named.items() if not Path(name).name.startswith(".")}


def _entries(folder: Path, name: str) -> None:
    del name
    store = MaskCache(folder)
    store.get(MADE_BY, noise())
    for configuration in store.configurations():
        store.images(configuration)
    FeatureCache(folder).get(OWNER)


def _marker() -> bytes:
    with TemporaryDirectory() as place:
        write_marker(Path(place), Marker({"method": "a"}, 0.5, 8, ("/a",), ("/b",)))
        return (Path(place) / INDEX).read_bytes()


def _toml() -> bytes:
    kept = RememberedFile("/weights.safetensors", 1, 2, "a" * 64)
    known = Remembered("Weights", "ViT-B/32", kept.path, "grouping", (kept,))
    with TemporaryDirectory() as place, _settings_at(Path(place) / "config.toml") as path:
        settings.write(settings.Configuration({"model": "offline"}, known, True))
        return path.read_bytes()


def _scene() -> bytes:
    """A scene as it is saved."""
    with TemporaryDirectory() as place:
        path = Path(place) / "scene.safetensors"
        refmask.load("embedded", precision="fp32").look(noise()).save(path)
        return repacked(path.read_bytes())


def _settings(folder: Path, name: str) -> None:
    with _settings_at(folder / name):
        settings.read()


@contextmanager
def _settings_at(path: Path) -> Iterator[Path]:
    usual = os.environ.get(settings.VARIABLE)
    os.environ[settings.VARIABLE] = str(path)
    try:
        yield path
    finally:
        os.environ.pop(settings.VARIABLE)
        if usual is not None:
            os.environ[settings.VARIABLE] = usual
