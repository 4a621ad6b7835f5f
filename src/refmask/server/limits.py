"""How much one request, and all of them together, may take of a server."""

from __future__ import annotations

from dataclasses import dataclass

from refmask.errors import ConfigurationError

#: Least and most of each limit; what is beyond is a slip of the pen.
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
    """What a server takes, at once and altogether.

    Attributes:
        body: bytes of a request's body.
        bodies: bytes of all requests' bodies together, or of one where that may be larger.
        pixels: of an image.
        phrases: in one request.
        letters: characters of a phrase; CLIP reads about 300.
        workers: images that are looked at at once, and requests that are answered at once.
        queue: requests that may wait beyond these, of each kind.
        seconds: from a request's first byte to its answer.
        head_seconds: for a request's head, and for the rest of a body that is refused.
        scenes: held at once.
        scene_bytes: of all held scenes together.
        scene_seconds: that a scene is held without being asked.

    Raises:
        ConfigurationError: for values out of range, all of them at once.
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
            f"expected {name} from {low} to {high}, got {getattr(self, name)}"
            for name, (low, high) in RANGES.items()
            if not low <= getattr(self, name) <= high
        ]
        if faults:
            raise ConfigurationError("; ".join(faults))
