"""Backgrounds: muted, quiet and varied, so that the saturated surfaces stand out from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from emoji_scenes.vocabulary import TONES, Rgb, mix
from refmask.types import UInt8Array

Plane = npt.NDArray[np.floating[Any]]

_MUTED: tuple[Rgb, ...] = (
    (242, 234, 216),
    (222, 226, 230),
    (196, 212, 226),
    (204, 218, 200),
    (226, 208, 190),
    (214, 204, 226),
    (238, 218, 222),
    (186, 204, 200),
    (168, 176, 188),
    (176, 168, 156),
    (140, 158, 150),
    (122, 134, 156),
    (98, 108, 118),
    (84, 92, 84),
    (58, 66, 88),
    (66, 58, 62),
)

#: Least sum of absolute RGB differences between a background's tones and a surface.
_CLEAR = 120


@dataclass(frozen=True)
class Background:
    """A background, from which its pixels follow.

    Attributes:
        kind: one of ``BACKGROUNDS``.
        first: RGB of the main tone.
        second: RGB of the other tone.
        seed: of the placing of its parts.
    """

    kind: str
    first: Rgb
    second: Rgb
    seed: int


def sample_background(rng: np.random.Generator, surfaces: Sequence[str]) -> Background:
    """A background from which surfaces of these colours stand out."""
    tones = [
        tone
        for tone in _MUTED
        if all(
            sum(abs(a - b) for a, b in zip(tone, TONES[colour], strict=True)) >= _CLEAR
            for colour in surfaces
        )
    ]
    tones = tones or [_MUTED[12]]
    kind = tuple(BACKGROUNDS)[int(rng.random() * len(BACKGROUNDS))]
    first = tones[int(rng.random() * len(tones))]
    second = tones[int(rng.random() * len(tones))]
    return Background(kind, first, second, int(rng.random() * 2**31))


def paint_background(background: Background, side: int) -> UInt8Array:
    """Pixels of a background, uint8 (side, side, 3)."""
    rng = np.random.Generator(np.random.PCG64(background.seed))
    # Positions run from 0 to 1 over the image: the same image at every size.
    axis = (np.arange(side, dtype=np.float32) + 0.5) / side
    share = BACKGROUNDS[background.kind](rng, axis[None, :], axis[:, None])
    share = np.broadcast_to(share, (side, side))[..., None]
    first = np.asarray(background.first, np.float32)
    other = mix(background.first, background.second, 0.5)
    step = np.asarray(other, np.float32) - first
    # A second tone equal to the first would hide the drawing: darken a little instead.
    step = step if np.abs(step).sum() >= 24 else -0.1 * first
    pixels: UInt8Array = (first + step * share + 0.5).clip(0, 255).astype(np.uint8)
    return pixels


def _plain(_rng: np.random.Generator, _x: Plane, _y: Plane) -> Plane:
    """One tone."""
    return np.zeros((1, 1), np.float32)


def _gradient(rng: np.random.Generator, x: Plane, y: Plane) -> Plane:
    """A slow change from one side to the other."""
    turn = float(rng.random())
    return turn * x + (1 - turn) * y


def _clouds(rng: np.random.Generator, x: Plane, y: Plane) -> Plane:
    """Soft noise."""
    coarse = Image.fromarray(0.6 * rng.random((4, 4)).astype(np.float32))
    return np.asarray(coarse.resize((x.size, y.size), Image.Resampling.BICUBIC))


def _circles(rng: np.random.Generator, x: Plane, y: Plane) -> Plane:
    """Three large discs."""
    share = np.zeros(np.broadcast_shapes(x.shape, y.shape), np.float32)
    for across, down, radius in rng.random((3, 3)):
        distance = np.sqrt((x - across) ** 2 + (y - down) ** 2)
        share = np.maximum(share, _step(0.15 + 0.25 * radius - distance, x.size))
    return 0.6 * share


def _tiles(rng: np.random.Generator, x: Plane, y: Plane) -> Plane:
    """Square tiles with fine joints."""
    count = 4 + int(3 * rng.random())
    to_joint = np.minimum(_to_line(x, count), _to_line(y, count))
    return _step(0.006 - to_joint, x.size)


def _bands(rng: np.random.Generator, x: Plane, y: Plane) -> Plane:
    """Broad quiet stripes, upright or level."""
    along = x if rng.random() < 0.5 else y
    count = 3 + int(3 * rng.random())
    return 0.4 * _step(0.25 / count - _to_line(along, count), x.size)


def _room(rng: np.random.Generator, x: Plane, y: Plane) -> Plane:
    """A wall and a floor."""
    return _step(y - 0.35 - 0.3 * float(rng.random()), x.size)


def _hills(rng: np.random.Generator, x: Plane, y: Plane) -> Plane:
    """Two hills under a sky."""
    share = 0.15 * y
    for depth, (across, height) in enumerate(rng.random((2, 2))):
        crest = 0.35 + 0.2 * depth + 0.1 * height + 0.5 * (x - across) ** 2
        share = np.maximum(share, (0.6 + 0.4 * depth) * _step(y - crest, x.size))
    return share


def _to_line(along: Plane, count: int) -> Plane:
    """Distance to the nearest of ``count`` evenly spaced lines."""
    phase = along * count
    nearest: Plane = np.abs(phase - np.floor(phase) - np.float32(0.5)) / count
    return nearest


def _step(inside: Plane, side: int) -> Plane:
    """1 where positive, 0 where negative, smooth over one pixel."""
    return (inside * side + 0.5).clip(0, 1).astype(np.float32)


BACKGROUNDS: dict[str, Callable[[np.random.Generator, Plane, Plane], Plane]] = {
    "plain": _plain,
    "gradient": _gradient,
    "clouds": _clouds,
    "circles": _circles,
    "tiles": _tiles,
    "bands": _bands,
    "room": _room,
    "hills": _hills,
}
