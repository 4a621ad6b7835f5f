"""Free photographs to try a model on, from scikit-image, which is a dependency anyway."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from refmask.types import UInt8Array

#: Phrases about each photograph, by scikit-image's name, and phrases about what it lacks.
PHRASES = {
    "astronaut": ("the helmet", "the flag"),
    "chelsea": ("the cat",),
    "coffee": ("the saucer", "the spoon"),
    "rocket": ("the rocket",),
}
ABSENT = {"rocket": ("the snowman",)}


@dataclass(frozen=True, eq=False)
class Photograph:
    """A photograph, and phrases about it.

    Attributes:
        name: scikit-image's.
        image: uint8 RGB (H, W, 3).
        phrases: at least one.
        absent: phrases about objects that it does not show.
    """

    name: str
    image: UInt8Array
    phrases: tuple[str, ...]
    absent: tuple[str, ...] = ()


def read_photographs() -> Iterator[Photograph]:
    """The photographs of ``PHRASES``, in its order."""
    from skimage import data

    for name, phrases in PHRASES.items():
        yield Photograph(name, getattr(data, name)(), phrases, ABSENT.get(name, ()))
