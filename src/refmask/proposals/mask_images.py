"""Masks in PNG files.

In a file with a colour palette, each colour is one object and black is background, as in the format
``palette`` of ``refmask export``. Any other file is one mask: a pixel is inside when any of its
channels is above zero. Transparent pixels are outside.
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

#: Stands beside the files of an export in the format ``palette``, one for each image.
LEGEND = "legend.json"
#: Entries of a palette.
ENTRIES = 256


def read_folder(path: Path, stem: str | None) -> BoolArray:
    """The masks of a folder's PNG files, in the order of their names, as bool (N, H, W).

    Args:
        path: the folder. With a ``legend.json`` it holds one file for each image; only that of
            this image is read.
        stem: the image's file name without its extension.

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
    masks: list[BoolArray] = []
    for file in files:
        masks.append(read_png(file))
        count = sum(map(len, masks)) + len(files) - len(masks)  # a file holds one or more
        check_masks((count, *masks[-1].shape[1:]), f"'{path}'")
        if masks[-1].shape[1:] != masks[0].shape[1:]:
            (height, width), (first_height, first_width) = masks[-1].shape[1:], masks[0].shape[1:]
            raise MaskError(
                f"mask '{file}' is {width}x{height} pixels, but '{files[0].name}' beside it is "
                f"{first_width}x{first_height} (width x height); give masks of one size"
            )
    return np.concatenate(masks)


def read_png(file: Path) -> BoolArray:
    """The masks of a PNG file, as bool (N, H, W).

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
            mode, transparency = image.mode, image.info.get("transparency")
            palette = image.getpalette("RGB") if mode == "P" else None
    except (*BROKEN, Image.DecompressionBombError) as error:
        if isinstance(error, MaskError):
            raise
        raise MaskError(
            f"cannot read the mask '{file}' as a PNG image: {in_short(error)}; save it again"
        ) from None
    if palette is not None:
        return _of_palette(values, _colours(palette), _opaque(transparency), file)
    values = values.reshape(*values.shape[:2], -1)
    if mode.endswith("A"):
        values = values[..., :-1] * (values[..., -1:] > 0)
    return np.asarray((values > 0).any(axis=2))[None]


def _of_image(path: Path, files: list[Path], stem: str | None) -> Path:
    key = None if stem is None else image_key(stem)
    matching = [file for file in files if image_stem(file.name) == key]
    if not matching:
        reason = "this image has no name" if stem is None else f"none is named '{stem}'"
        raise MaskError(
            f"'{path}' holds masks of {len(files)} images, but {reason}; name one of its files as "
            "masks:FILE"
        )
    return matching[0]


def _of_palette(
    numbers: UInt8Array, colours: UInt8Array, opaque: BoolArray, file: Path
) -> BoolArray:
    """Each used colour as a mask; with a palette of greys, all of them as one."""
    used = np.unique(numbers)
    foreground = colours.any(axis=1) & opaque
    if (colours == colours[:, :1]).all():
        return np.asarray(foreground[numbers])[None]
    if foreground[used].all() and used[0] == 0:
        foreground[0] = False
        warnings.warn(
            f"mask '{file}' has no black; its first colour, {tuple(colours[0].tolist())}, is read "
            "as the background",
            RefmaskWarning,
            stacklevel=4,
        )
    objects = used[foreground[used]]
    check_masks((len(objects), *numbers.shape), f"'{file}'")
    return np.asarray(numbers[None] == objects[:, None, None])


def _colours(palette: list[int]) -> UInt8Array:
    """A palette, padded with black: uint8 (256, 3)."""
    colours = np.zeros((ENTRIES, 3), np.uint8)
    entries = np.array(palette, np.uint8).reshape(-1, 3)[:ENTRIES]
    colours[: len(entries)] = entries
    return colours


def _opaque(transparency: bytes | int | None) -> BoolArray:
    """Which entries of a palette are visible, bool (256,)."""
    opaque = np.ones(ENTRIES, np.bool_)
    if isinstance(transparency, bytes):
        opaque[: len(transparency)] = np.frombuffer(transparency, np.uint8)[:ENTRIES] > 0
    elif transparency is not None:
        opaque[transparency] = False
    return opaque
