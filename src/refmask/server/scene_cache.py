"""Cache of scenes between requests, limited in number, bytes and time."""

from __future__ import annotations

import dataclasses
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from refmask.scene import Scene


@dataclass
class CachedScene:
    """A scene, its bytes, and the time at which it expires unless used."""

    scene: Scene
    size: int
    expires: float


class SceneCache:
    """Scenes by random ids; the least recently used are deleted first. Not thread-safe.

    Args:
        most: number of scenes.
        most_bytes: of all scenes together.
        seconds: until an unused scene expires.
        clock: returns the time in seconds.
    """

    def __init__(
        self,
        most: int,
        most_bytes: int,
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.most, self.most_bytes, self.seconds = most, most_bytes, seconds
        self.size = 0
        self._clock = clock
        self._scenes: OrderedDict[str, CachedScene] = OrderedDict()

    def __len__(self) -> int:
        return len(self._scenes)

    def add(self, scene: Scene) -> str | None:
        """Add a scene, deleting others if needed; returns its id, or None when it is too large."""
        size = bytes_of(scene)
        if size > self.most_bytes:
            return None
        self.sweep()
        while len(self) >= self.most or self.size + size > self.most_bytes:
            self.delete(next(iter(self._scenes)))
        key = secrets.token_urlsafe(16)
        self._scenes[key] = CachedScene(scene, size, self._clock() + self.seconds)
        self.size += size
        return key

    def get(self, key: str) -> CachedScene | None:
        """Look a scene up and renew its time; None for an unknown id."""
        self.sweep()
        cached = self._scenes.get(key)
        if cached is not None:
            cached.expires = self._clock() + self.seconds
            self._scenes.move_to_end(key)
        return cached

    def delete(self, key: str) -> bool:
        """Delete a scene; False for an unknown id."""
        cached = self._scenes.pop(key, None)
        if cached is None:
            return False
        self.size -= cached.size
        return True

    def sweep(self) -> None:
        """Delete expired scenes; these come first in the order of use."""
        now = self._clock()
        while self._scenes and (first := next(iter(self._scenes.items())))[1].expires <= now:
            self.delete(first[0])


def bytes_of(scene: Scene) -> int:
    """Bytes of all arrays of a scene: image, masks and features."""
    parts = (scene.image, scene.proposals, scene.features)
    return sum({id(array): array.nbytes for part in parts for array in _arrays(part)}.values())


def _arrays(value: Any) -> list[Any]:
    """The arrays and tensors in nested dataclasses, mappings and sequences."""
    if hasattr(value, "nbytes"):
        return [value]
    if isinstance(value, Mapping):
        children = list(value.values())
    elif dataclasses.is_dataclass(value):
        children = [getattr(value, field.name) for field in dataclasses.fields(value)]
    else:
        children = list(value) if isinstance(value, list | tuple) else []
    return [array for child in children for array in _arrays(child)]
