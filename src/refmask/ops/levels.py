"""Pixels of more than eight bits scaled to eight, by the range of their values.

Cameras and microscopes store 10, 12 or 14 bits in files of 16, and measurements are floats of any
range. Scaled by the range of the file's type, such images would be black.
"""

from __future__ import annotations

import sys
import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from PIL.ImageFile import ImageFile

from refmask.errors import ImageError, RefmaskWarning
from refmask.types import UInt8Array

#: Largest values of 8, 10, 12, 14 and 16 bits.
TOPS = (255, 1023, 4095, 16383, 65535)
#: Colours of 14 bits or fewer have upper bytes below this.
DARK = 64
#: Pillow's suffixes for 16 bits per colour, most significant byte first or last.
ORDERS = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}


def eight_bits(values: npt.NDArray[Any], name: str) -> UInt8Array:
    """Pixels of any range as uint8, darkest to lightest; a RefmaskWarning states a guessed range.

    Args:
        values: whole numbers of 8, 10, 12, 14 or 16 bits, by the largest; or floats, from 0 to 1,
            else from the smallest to the largest.
        name: the image's, for messages.

    Raises:
        ImageError: when there is NaN or infinity among them.
    """
    low, high = float(values.min(initial=0)), float(values.max(initial=0))
    if not np.isfinite([low, high]).all():
        raise ImageError(f"{name} holds NaN or infinity; give finite pixel values")
    whole = values.dtype.kind in "iu" or not (values % 1).any()
    if values.dtype.kind == "f" and low >= 0 and high <= 1:
        bottom, top = 0.0, 1.0
    elif whole and low >= 0:
        bottom, top = 0.0, float(next((top for top in TOPS if high <= top), high))
    else:
        bottom, top = float(values.min()), high  # ``low`` is at most 0
    if high and top not in (1, TOPS[-1]):
        warnings.warn(
            f"{name} holds values from {low:.6g} to {high:.6g}; {bottom:.6g} is read as black and "
            f"{top:.6g} as white",
            RefmaskWarning,
            stacklevel=2,
        )
    return _scaled(values, bottom, top)


def is_deep(image: ImageFile) -> bool:
    """Whether Pillow would drop the lower half of this opened image's 16 bits per colour."""
    return image.mode in ("RGB", "RGBA", "LA") and ";16" in _raw_mode(image)


def lower_bytes(image: ImageFile) -> Image.Image | None:
    """The bytes that Pillow would drop of an image that ``is_deep``; None where it cannot.

    Args:
        image: just opened; it cannot be used afterwards.
    """
    mode = _raw_mode(image)
    other = mode[:-1] + ORDERS.get(mode[-1], "")
    if not mode.startswith("RGB") or other[-1] not in "BL":
        return None
    image.tile = [
        tile._replace(args=(other, *tile.args[1:]) if isinstance(tile.args, tuple) else other)
        for tile in image.tile
    ]
    image.load()
    return image


def joined_bytes(upper: Image.Image, lower: Image.Image | None, name: str) -> Image.Image:
    """A dark image of 16 bits per colour, scaled to eight by the range of its values.

    Args:
        upper: as Pillow reads it: the more significant bytes.
        lower: the less significant ones, or None.
        name: for warnings.

    Returns:
        ``upper`` itself when its colours are of more than 14 bits.
    """
    high = np.asarray(upper)
    alpha = upper.mode in ("RGBA", "LA")
    colours = high[..., :-1] if alpha else high
    if colours.max(initial=0) >= DARK:
        return upper
    values = high.astype(np.uint16) << 8 | (0 if lower is None else np.asarray(lower))
    if not alpha:
        return Image.fromarray(eight_bits(values, name))
    scaled = [eight_bits(values[..., :-1], name), high[..., -1:]]
    return Image.fromarray(np.concatenate(scaled, axis=2))


def _raw_mode(image: ImageFile) -> str:
    args = image.tile[0].args if image.tile else ""
    mode = args[0] if isinstance(args, tuple) and args else args
    return mode if isinstance(mode, str) else ""


def _scaled(values: npt.NDArray[Any], bottom: float, top: float) -> UInt8Array:
    """``bottom`` as 0, ``top`` as 255."""
    if bottom == 0 and top == TOPS[-1] and values.dtype.kind in "iu":
        return np.asarray((values.astype(np.uint32) + 128) // 257, np.uint8)
    span = (top - bottom) or 1.0
    return np.asarray(np.round((values.astype(np.float64) - bottom) * (255 / span)), np.uint8)
