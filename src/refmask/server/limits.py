"""Limits of a server, per request and in total."""

from __future__ import annotations

from dataclasses import dataclass

from refmask.errors import ConfigurationError

#: Smallest and largest value of each limit; others are typing errors.
RANGES: dict[str, tuple[float, float]] = {
    "body": (1_000, 10**10),
    "bodies": (1_000, 10**12),
    "head_seconds": (1, 3_600),
    "pixels": (1, 10**10),
    "phrases": (1, 10_000),
    "letters": (1, 2_000),
    "workers": (1, 1_000),
    "queue": (0, 100_000),
    "seconds": (0.1, 86_400),
    "scenes": (1, 10**6),
    "scene_bytes": (1, 10**13),
    "scene_seconds": (0.1, 10**7),
}


@dataclass(frozen=True)
class Limits:
    """Limits of a server.

    Attributes:
        body: bytes of a request's body.
        bodies: bytes of all bodies together; at least ``body``.
        pixels: of an image.
        phrases: in one request.
        letters: characters of a phrase; CLIP reads about 300.
        workers: images encoded at once, and queries answered at once.
        queue: further requests that may wait, of each kind.
        seconds: from a request's first byte to its answer.
        head_seconds: for a request's headers, and for the rest of a rejected body.
        scenes: cached at once.
        scene_bytes: of all cached scenes together.
        scene_seconds: until an unused scene is deleted.

    Raises:
        ConfigurationError: for values out of range; lists all.
    """

    body: int = 32_000_000
    bodies: int = 500_000_000
    pixels: int = 16_000_000
    phrases: int = 64
    letters: int = 300
    workers: int = 2
    queue: int = 32
    seconds: float = 60.0
    head_seconds: float = 10.0
    scenes: int = 64
    scene_bytes: int = 2_000_000_000
    scene_seconds: float = 1_800.0

    def __post_init__(self) -> None:
        faults = [
            f"{name} is {getattr(self, name)}; choose {low} to {high}"
            for name, (low, high) in RANGES.items()
            if not low <= getattr(self, name) <= high
        ]
        if faults:
            raise ConfigurationError("; ".join(faults))
