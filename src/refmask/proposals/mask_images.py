"""Masks drawn as PNG files.

In an image with a palette of colours, each colour is one object and black is none, as in the
format ``palette`` of ``refmask export``. Any other image is one mask: a pixel is inside when any
of its channels is above zero. Transparent pixels are outside.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from PIL import Image

from refmask.errors import MaskError, RefmaskWarning
from refmask.limits import check, check_masks
from refmask.ops.finding import image_key, image_stem, is_hidden
from refmask.ops.opening import open_image
from refmask.ops.reading import BROKEN, check_file, in_short
from refmask.types import BoolArray, UInt8Array

#: Beside the images of an export in the format ``palette``, one for each image.
LEGEND = "legend.json"
#: Entries of a palette.
ENTRIES = 256


def read_folder(path: Path, stem: str | None) -> BoolArray:
    """The masks of a folder's PNG files, in the order of their names, as bool (N, H, W).

    Args:
        path: the folder. One with a ``legend.json`` holds an image for each image, and that of
            one of them is read.
        stem: of the image's file name.

    Raises:
        MaskError: when there is none, they differ in size, or one cannot be read.
    """
    files = sorted(
        file
        for file in path.iterdir()
        if file.suffix.lower() == ".png" and not is_hidden(file.name)
    )
    if not files:
        raise MaskError(f"the folder '{path}' holds no PNG file; put one PNG per mask into it")
    if (path / LEGEND).is_file() and len(files) > 1:
        files = [_of_image(path, files, stem)]
    masks = []
    for file in files:
        found = read_png(file)
        masks.append(found)
        count = sum(map(len, masks)) + len(files) - len(masks)  # a file draws one or more
        check_masks((count, *found.shape[1:]), f"'{path}'")
        if found.shape[1:] != masks[0].shape[1:]:
            (height, width), (first_height, first_width) = found.shape[1:], masks[0].shape[1:]
            raise MaskError(
                f"mask '{file}' is {width}x{height} pixels, but '{files[0].name}' beside it is "
                f"{first_width}x{first_height} (width x height); give masks of one size"
            )
    return np.concatenate(masks)


def read_png(file: Path) -> BoolArray:
    """The masks that a PNG file draws, as bool (N, H, W).

    Raises:
        MaskError: when it cannot be read.
    """
    check_file(file, "a mask", MaskError)
    try:
        with open_image(file) as image:
            if image.format != "PNG":
                raise MaskError(f"mask '{file}' is of the format {image.format}; save it as PNG")
            check("pixels", image.height * image.width, f"the mask '{file}'", MaskError)
            values = np.asarray(image)
            mode, told = image.mode, image.info.get("transparency")
            palette = image.getpalette("RGB") if mode == "P" else None
    except (*BROKEN, Image.DecompressionBombError) as error:
        if isinstance(error, MaskError):
            raise
        raise MaskError(
            f"cannot read the mask '{file}' as a PNG image: {in_short(error)}; save it again"
        ) from None
    if palette is not None:
        return _of_palette(values, _colours(palette), _opaque(told), file)
    values = values.reshape(*values.shape[:2], -1)
    if mode.endswith("A"):
        values = values[..., :-1] * (values[..., -1:] > 0)
    return np.asarray((values > 0).any(axis=2))[None]


def _of_image(path: Path, files: list[Path], stem: str | None) -> Path:
    wanted = None if stem is None else image_key(stem)
    named = [file for file in files if image_stem(file.name) == wanted]
    if not named:
        asked = "none was named" if stem is None else f"none is named '{stem}'"
        raise MaskError(
            f"'{path}' holds masks of {len(files)} images, but {asked}; name one of its files as "
            "masks:FILE"
        )
    return named[0]


def _of_palette(
    numbers: UInt8Array, colours: UInt8Array, opaque: BoolArray, file: Path
) -> BoolArray:
    """Each used colour as a mask; or, with a palette of greys, all of them as one."""
    used = np.unique(numbers)
    lit = colours.any(axis=1) & opaque
    if (colours == colours[:, :1]).all():
        return np.asarray(lit[numbers])[None]
    if lit[used].all() and used[0] == 0:
        lit[0] = False
        warnings.warn(
            f"mask '{file}' has no black; its first colour, {tuple(colours[0].tolist())}, is taken "
            "for the background",
            RefmaskWarning,
            stacklevel=4,
        )
    objects = used[lit[used]]
    check_masks((len(objects), *numbers.shape), f"'{file}'")
    return np.asarray(numbers[None] == objects[:, None, None])


def _colours(palette: list[int]) -> UInt8Array:
    """A palette, padded with black: uint8 (256, 3)."""
    colours = np.zeros((ENTRIES, 3), np.uint8)
    given = np.array(palette, np.uint8).reshape(-1, 3)[:ENTRIES]
    colours[: len(given)] = given
    return colours


def _opaque(told: bytes | int | None) -> BoolArray:
    """Which entries of a palette can be seen, bool (256,)."""
    opaque = np.ones(ENTRIES, np.bool_)
    if isinstance(told, bytes):
        opaque[: len(told)] = np.frombuffer(told, np.uint8)[:ENTRIES] > 0
    elif told is not None:
        opaque[told] = False
    return opaque
