"""What is in a scene and where, without a single pixel: sampling it and making twins of it.

Only raw 53-bit doubles of the generator and rounded decimals are used, so that a seed gives the
same layout on every machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from emoji_scenes.backgrounds import Background, sample_background
from emoji_scenes.vocabulary import (
    COLOURS,
    PATTERNS,
    SURFACES,
    HeldOut,
    combinations,
    contrasts,
)
from refmask.errors import ConfigurationError

T = TypeVar("T")
Point = tuple[float, float]

#: Sizes of objects, as fractions of the image's side. Nothing lies between the bands, so that
#: "big" and "small" are never a matter of taste.
SMALL = (0.215, 0.25)
BIG = (0.32, 0.355)

#: A surface is at least this much wider than the object on it.
REACH = 1.32


@dataclass(frozen=True)
class Surface:
    """What an object stands on.

    Attributes:
        kind: one of ``SURFACES``.
        colour: one of ``COLOURS``.
        pattern: one of ``PATTERNS``.
        size: width as a fraction of the image's side.
    """

    kind: str
    colour: str
    pattern: str
    size: float

    @property
    def look(self) -> tuple[str, str, str]:
        """All but its size: what a phrase can say."""
        return self.kind, self.colour, self.pattern


@dataclass(frozen=True)
class Item:
    """An object and its surface.

    Attributes:
        noun: one of ``NOUNS``.
        colour: one of ``COLOURS``.
        size: longer side as a fraction of the image's side.
        centre: (x, y) of the object's box, fractions of the image's side, y downwards.
        surface: what it stands on, or None.
        flipped: mirrored left to right.
    """

    noun: str
    colour: str
    size: float
    centre: Point
    surface: Surface | None = None
    flipped: bool = False

    @property
    def big(self) -> bool:
        """True for the big band, False for the small one."""
        return self.size >= BIG[0]


@dataclass(frozen=True)
class Layout:
    """A whole scene: the background and, in drawing order, the items on it."""

    background: Background
    items: tuple[Item, ...]


def pick(rng: np.random.Generator, options: Sequence[T], weights: Sequence[float] = ()) -> T:
    """One of the options, by one raw double: the stream numpy promises most firmly."""
    drawn = float(rng.random())
    if not weights:
        return options[int(drawn * len(options))]
    for option, weight in zip(options, weights, strict=True):
        drawn -= weight
        if drawn < 0:
            return option
    return options[-1]


def sample_layout(
    rng: np.random.Generator,
    *,
    count: int | None = None,
    held_out: HeldOut = "any",
    same_class_pair: bool | None = None,
) -> Layout:
    """A scene as tests show them.

    Args:
        rng: the source of chance.
        count: number of objects, 1 to 4; drawn when None.
        held_out: "exclude" never draws a held-out noun and colour, "only" draws nothing else.
        same_class_pair: True puts two objects of the same class **and colour** first, told apart
            by their surfaces; False forces no pair; None mixes such pairs, pairs of two colours
            and no pairs.

    Raises:
        ConfigurationError: for a count out of range, or a pair in a scene of one.
    """
    if count is None:
        count = pick(rng, (1, 2, 3, 4), (0.1, 0.35, 0.3, 0.25))
        count = max(count, 2) if same_class_pair else count
    if not 1 <= count <= 4 or (same_class_pair and count < 2):
        raise ConfigurationError(
            f"expected 1 to 4 objects (2 to 4 with a pair), got {count}; choose another count"
        )
    named = _sample_names(rng, count, combinations(held_out), same_class_pair)
    bands = [pick(rng, (SMALL, BIG), (0.55, 0.45)) for _ in named]
    sizes = [round(low + (high - low) * float(rng.random()), 4) for low, high in bands]
    surfaces: list[Surface] = []
    for (_, colour), size in zip(named, sizes, strict=True):
        surfaces.append(sample_surface(rng, colour, size, surfaces))
    centres = _sample_centres(rng, [surface.size for surface in surfaces])
    items = tuple(
        Item(noun, colour, size, centre, surface, float(rng.random()) < 0.5)
        for (noun, colour), size, centre, surface in zip(
            named, sizes, centres, surfaces, strict=True
        )
    )
    return Layout(sample_background(rng, [surface.colour for surface in surfaces]), items)


def swap_surfaces(layout: Layout, first: int, second: int) -> Layout:
    """The twin in which two items have exchanged the looks of their surfaces.

    The sizes stay with the places, so that nothing comes to overlap that did not before.
    """
    one, other = layout.items[first].surface, layout.items[second].surface
    return with_surface(with_surface(layout, first, other), second, one)


def with_surface(layout: Layout, index: int, surface: Surface | None) -> Layout:
    """The twin in which one item stands on another surface, of the size of its old one."""
    items = list(layout.items)
    old = items[index].surface
    if surface is not None and old is not None:
        surface = replace(surface, size=old.size)
    items[index] = replace(items[index], surface=surface)
    return replace(layout, items=tuple(items))


def _sample_names(
    rng: np.random.Generator,
    count: int,
    allowed: dict[str, tuple[str, ...]],
    same_class_pair: bool | None,
) -> list[tuple[str, str]]:
    """(noun, colour) per item; a pair, if any, comes first."""
    noun = pick(rng, tuple(allowed))
    named = [(noun, pick(rng, allowed[noun]))]
    pair = "twin" if same_class_pair else "none"
    if same_class_pair is None:
        pair = pick(rng, ("twin", "colours", "none"), (0.45, 0.35, 0.2))
    if count > 1 and pair != "none":
        others = [colour for colour in allowed[noun] if colour != named[0][1]]
        colour = pick(rng, others) if pair == "colours" and others else named[0][1]
        named.append((noun, colour))
    while len(named) < count:
        again = same_class_pair is not False and float(rng.random()) < 0.2
        fresh = [word for word in allowed if word not in {used for used, _ in named}]
        word = noun if again else pick(rng, fresh)
        # A colour already seen half of the time: colour alone must not give the answer away.
        shared = [colour for _, colour in named if colour in allowed[word]]
        same = bool(shared) and float(rng.random()) < 0.4
        named.append((word, pick(rng, shared if same else allowed[word])))
    return named


def sample_surface(
    rng: np.random.Generator,
    colour: str,
    size: float,
    earlier: Sequence[Surface],
    least: float = 0.39,
) -> Surface:
    """A surface that contrasts with its object and looks like none of the earlier ones.

    Args:
        rng: the source of chance.
        colour: of the object.
        size: of the object.
        earlier: surfaces of other objects of the scene.
        least: width, as a fraction of the image's side; at most 0.48.
    """
    colours = [name for name in COLOURS if contrasts(name, colour)]
    width = round(min(max(least, REACH * size) + 0.03 * float(rng.random()), 0.48), 4)
    while True:
        kinds = SURFACES
        if earlier and float(rng.random()) < 0.25:
            kinds = (earlier[0].kind,)
        surface = Surface(
            pick(rng, kinds),
            pick(rng, colours),
            pick(rng, PATTERNS, (0.34, 0.22, 0.22, 0.22)),
            width,
        )
        if surface.look not in {other.look for other in earlier}:
            return surface


def _sample_centres(rng: np.random.Generator, sizes: Sequence[float]) -> list[Point]:
    """Places whose surfaces hardly overlap: thrown freely, else on a shaken 2 x 2 grid."""
    for _ in range(60 if len(sizes) < 4 else 0):
        centres = [
            (_between(rng, reach, 1 - reach), _between(rng, reach, 1 - reach))
            for reach in (size / 2 + 0.015 for size in sizes)
        ]
        if all(
            max(abs(a[0] - b[0]), abs(a[1] - b[1])) >= 0.47 * (sizes[i] + sizes[j])
            for i, a in enumerate(centres)
            for j, b in enumerate(centres[:i])
        ):
            return centres
    cells = [(0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75)]
    centres = []
    for _ in sizes:
        x, y = cells.pop(int(rng.random() * len(cells)))
        centres.append((_between(rng, x - 0.02, x + 0.02), _between(rng, y - 0.02, y + 0.02)))
    return centres


def _between(rng: np.random.Generator, low: float, high: float) -> float:
    """A number between two others, of four decimals."""
    return round(low + (high - low) * float(rng.random()), 4)
