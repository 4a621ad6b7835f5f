"""Scenes that are held between requests: bounded in number, bytes and time."""

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
class Held:
    """A scene, its bytes, and until when it is held if nobody asks it."""

    scene: Scene
    size: int
    until: float


class SceneCache:
    """Scenes by an id that cannot be guessed; those not asked for longest leave first.

    For one thread.

    Args:
        most: scenes.
        most_bytes: of all of them together.
        seconds: that each is held without being asked.
        clock: tells the time, in seconds.
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
        self._held: OrderedDict[str, Held] = OrderedDict()

    def __len__(self) -> int:
        return len(self._held)

    def keep(self, scene: Scene) -> str | None:
        """Hold a scene, and let others go for it; its id, or None when it alone is too large."""
        size = bytes_of(scene)
        if size > self.most_bytes:
            return None
        self.sweep()
        while len(self) >= self.most or self.size + size > self.most_bytes:
            self.drop(next(iter(self._held)))
        key = secrets.token_urlsafe(16)
        self._held[key] = Held(scene, size, self._clock() + self.seconds)
        self.size += size
        return key

    def get(self, key: str) -> Held | None:
        """What is held by this id, held anew from now on; None when nothing is."""
        self.sweep()
        held = self._held.get(key)
        if held is not None:
            held.until = self._clock() + self.seconds
            self._held.move_to_end(key)
        return held

    def drop(self, key: str) -> bool:
        """Let a scene go; False when there is none."""
        held = self._held.pop(key, None)
        if held is None:
            return False
        self.size -= held.size
        return True

    def sweep(self) -> None:
        """Let those go whose time is over: in the order of their times, so the first ones."""
        now = self._clock()
        while self._held and (first := next(iter(self._held.items())))[1].until <= now:
            self.drop(first[0])


def bytes_of(scene: Scene) -> int:
    """Bytes of all arrays that a scene holds: image, masks and features."""
    parts = (scene.image, scene.proposals, scene.features)
    return sum({id(array): array.nbytes for part in parts for array in _arrays(part)}.values())


def _arrays(value: Any) -> list[Any]:
    """The arrays and tensors in a tree of records and tables."""
    if hasattr(value, "nbytes"):
        return [value]
    if isinstance(value, Mapping):
        children = list(value.values())
    elif dataclasses.is_dataclass(value):
        children = [getattr(value, field.name) for field in dataclasses.fields(value)]
    else:
        children = list(value) if isinstance(value, list | tuple) else []
    return [array for child in children for array in _arrays(child)]
