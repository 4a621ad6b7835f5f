"""``colour``: how much of a proposal has the colour that the phrase names.

Every pixel gets the nearest of the eleven basic colour names (Berlin and Kay, 1969) in CIE Lab with
lightness halved: shadow changes lightness more than hue.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import numpy as np

from refmask.reading import Reading
from refmask.terms.layout import sigmoid
from refmask.terms.node import ImageEvidence, Node
from refmask.types import FloatArray, IntArray, MaskProposals, UInt8Array

#: Basic names with some sRGB colours that people call so.
PROTOTYPES: dict[str, tuple[tuple[int, int, int], ...]] = {
    "black": ((10, 10, 10), (40, 40, 42)),
    "white": ((250, 250, 250), (225, 225, 222)),
    "grey": ((128, 128, 128), (90, 90, 92), (175, 175, 175)),
    "red": ((200, 25, 30), (140, 20, 25), (225, 70, 60)),
    "green": ((45, 140, 50), (25, 80, 35), (120, 180, 70), (90, 110, 60)),
    "blue": ((35, 75, 180), (20, 35, 90), (95, 155, 215), (60, 110, 150)),
    "yellow": ((245, 215, 40), (225, 190, 80), (250, 235, 130)),
    "orange": ((240, 130, 30), (215, 95, 30), (245, 165, 80)),
    "brown": ((110, 70, 40), (70, 45, 30), (160, 115, 75), (190, 150, 110)),
    "pink": ((240, 150, 175), (225, 90, 140), (245, 195, 205)),
    "purple": ((115, 50, 140), (75, 40, 95), (165, 115, 190)),
}
NAMES = tuple(PROTOTYPES)
#: Further words, each for one or more basic names.
SYNONYMS: dict[str, tuple[str, ...]] = {
    **{name: (name,) for name in NAMES},
    **{"gray": ("grey",), "silver": ("grey", "white"), "violet": ("purple",)},
    **{"golden": ("yellow", "orange", "brown"), "gold": ("yellow", "orange", "brown")},
    **{"blond": ("yellow", "brown"), "blonde": ("yellow", "brown")},
    **{"navy": ("blue",), "crimson": ("red",), "scarlet": ("red",), "maroon": ("red", "purple")},
    **{"magenta": ("pink", "purple"), "lilac": ("purple", "pink"), "lavender": ("purple",)},
    **{"turquoise": ("blue", "green"), "teal": ("green", "blue"), "cyan": ("blue",)},
    **{"lime": ("green",), "olive": ("green", "brown"), "khaki": ("brown", "green")},
    **{"beige": ("brown", "white"), "tan": ("brown",), "cream": ("white", "yellow")},
}
#: A share of nothing still is possible: a colour seldom decides alone.
FLOOR = 0.03
#: A thing has a colour as likely as not when so great a share of it has, likelier with more.
COLOURED, SLOPE, LEAST = 0.1, 2.0, 0.01
#: Pixels of a mask that are looked at, about.
SAMPLES = 4096
#: Bits of each channel that tell one colour from another here.
BITS = 5


def score(node: Node) -> FloatArray | None:
    """log(share + ``FLOOR``) of the colours that are named: float64 (N,), or None."""
    wanted = basic_names(node.reading.attributes)
    if not wanted:
        return None
    shares = node.image.get(colour_shares)[:, [NAMES.index(name) for name in wanted]]
    return np.asarray(np.log(shares.sum(axis=1) + FLOOR))


def coloured(reading: Reading, image: ImageEvidence) -> FloatArray | float:
    """How likely each proposal has the colours that are named: (N,), 0 to 1; 1 without any."""
    wanted = basic_names(reading.attributes)
    if not wanted:
        return 1.0
    shares = image.get(colour_shares)[:, [NAMES.index(name) for name in wanted]].sum(axis=1)
    return sigmoid(SLOPE * np.log((shares + LEAST) / (COLOURED + LEAST)))


def colour_shares(image: UInt8Array, proposals: MaskProposals) -> FloatArray:
    """Shares of the basic colours in each mask.

    Args:
        image: uint8 RGB (H, W, 3).
        proposals: N masks of that size, none of them empty.

    Returns:
        float32 (N, 11), in the order of ``NAMES``, 1 in sum.
    """
    shares = np.empty((len(proposals), len(NAMES)), np.float32)
    for row, mask, box in zip(shares, proposals.masks, proposals.boxes, strict=True):
        (x1, y1), (x2, y2) = np.floor(box[:2]).astype(int), np.ceil(box[2:]).astype(int)
        step = max(1, int(((y2 - y1) * (x2 - x1) / SAMPLES) ** 0.5))
        inside = mask[y1:y2:step, x1:x2:step]
        if not inside.any():
            step, inside = 1, mask[y1:y2, x1:x2]
        names = _names_of(image[y1:y2:step, x1:x2:step][inside])
        row[:] = np.bincount(names, minlength=len(NAMES)) / len(names)
    return shares


def basic_names(words: Iterable[str]) -> tuple[str, ...]:
    """The basic colours that words name, in the order of ``NAMES``."""
    wanted = {name for word in words for name in SYNONYMS.get(word, ())}
    return tuple(name for name in NAMES if name in wanted)


def _names_of(pixels: UInt8Array) -> IntArray:
    """Index of the nearest basic colour: uint8 (P, 3) to int64 (P,)."""
    red, green, blue = (pixels >> (8 - BITS)).astype(np.int64).T
    return np.asarray(_table()[(red << 2 * BITS) | (green << BITS) | blue], np.int64)


@cache
def _table() -> IntArray:
    """The nearest basic colour of every colour of ``BITS`` bits a channel: int64 (2**15,)."""
    levels = (np.arange(2**BITS) + 0.5) / 2**BITS
    colours = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(-1, 3)
    prototypes = np.array([colour for group in PROTOTYPES.values() for colour in group]) / 255
    owners = np.repeat(np.arange(len(NAMES)), [len(group) for group in PROTOTYPES.values()])
    distances = np.linalg.norm(_flat_lab(colours)[:, None] - _flat_lab(prototypes)[None], axis=2)
    return np.asarray(owners[distances.argmin(axis=1)], np.int64)


def _flat_lab(colours: FloatArray) -> FloatArray:
    """sRGB (P, 3) from 0 to 1 in CIE Lab, lightness halved."""
    from skimage.color import rgb2lab

    return np.asarray(rgb2lab(colours[None])[0] * (0.5, 1, 1))
