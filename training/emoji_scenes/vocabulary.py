"""The words of the scenes and the colours they stand for.

Everything here is a constant or a pure function of names, so that training, testing and the
phrases agree on every machine.
"""

from __future__ import annotations

import zlib
from typing import Literal

Rgb = tuple[int, int, int]
HeldOut = Literal["exclude", "only", "any"]

#: Noun -> emoji. Chosen to stay recognisable at 28 pixels and in any tint.
EMOJI: dict[str, str] = {
    "duck": "\U0001f986",
    "car": "\U0001f697",
    "dog": "\U0001f415",
    "cat": "\U0001f408",
    "fish": "\U0001f41f",
    "tree": "\U0001f332",
    "plane": "\u2708",
    "boat": "\u26f5",
    "house": "\U0001f3e0",
    "chair": "\U0001fa91",
    "hat": "\U0001f3a9",
    "shoe": "\U0001f45f",
    "bag": "\U0001f45c",
    "umbrella": "\u2602",
    "clock": "\u23f0",
    "key": "\U0001f511",
    "bell": "\U0001f514",
    "star": "\u2b50",
    "heart": "\u2764",
    "flower": "\U0001f33b",
    "mushroom": "\U0001f344",
    "apple": "\U0001f34e",
    "horse": "\U0001f40e",
    "pig": "\U0001f416",
    "elephant": "\U0001f418",
    "frog": "\U0001f438",
    "turtle": "\U0001f422",
    "butterfly": "\U0001f98b",
    "owl": "\U0001f989",
    "rabbit": "\U0001f407",
    "bear": "\U0001f9f8",
    "rocket": "\U0001f680",
    "tractor": "\U0001f69c",
    "teapot": "\U0001fad6",
    "crab": "\U0001f980",
    "crown": "\U0001f451",
    "shirt": "\U0001f455",
    "cactus": "\U0001f335",
}

NOUNS: tuple[str, ...] = tuple(EMOJI)

#: Colour -> its middle tone, for objects and surfaces alike.
TONES: dict[str, Rgb] = {
    "red": (214, 38, 40),
    "orange": (244, 128, 22),
    "yellow": (250, 212, 40),
    "green": (46, 160, 67),
    "blue": (40, 98, 220),
    "purple": (128, 60, 190),
    "pink": (244, 120, 180),
    "white": (236, 236, 236),
}

COLOURS: tuple[str, ...] = tuple(TONES)
SURFACES: tuple[str, ...] = ("rug", "plate", "cloud", "puddle", "sign", "box")
PATTERNS: tuple[str, ...] = ("plain", "striped", "dotted", "checked")

#: Pairs too close to tell an object from the surface beneath it at 112 pixels.
_CLOSE = {
    frozenset(pair)
    for pair in (
        ("red", "orange"),
        ("red", "pink"),
        ("orange", "yellow"),
        ("yellow", "white"),
        ("blue", "purple"),
        ("purple", "pink"),
    )
}

_HELD_OUT_PERCENT = 15


def contrasts(first: str, second: str) -> bool:
    """Whether two colours are told apart at a glance when one lies on the other."""
    return first != second and frozenset((first, second)) not in _CLOSE


def is_held_out(noun: str, colour: str) -> bool:
    """Whether a combination belongs to the tests alone: about 15 % of all, fixed by its name."""
    return zlib.crc32(f"{colour}-{noun}".encode()) % 100 < _HELD_OUT_PERCENT


def combinations(held_out: HeldOut) -> dict[str, tuple[str, ...]]:
    """Noun -> the colours it may have; nouns without any are left out."""
    wanted = {"exclude": (False,), "only": (True,), "any": (False, True)}[held_out]
    table = {
        noun: tuple(colour for colour in COLOURS if is_held_out(noun, colour) in wanted)
        for noun in NOUNS
    }
    return {noun: colours for noun, colours in table.items() if colours}


def mix(first: Rgb, second: Rgb, share: float) -> Rgb:
    """``first`` with ``share`` (0 to 1) of ``second``."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue
