"""Any picture a user may have, as uint8 RGB."""

from __future__ import annotations

import glob
import warnings
from functools import cache
from io import BytesIO
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from refmask.errors import ImageError
from refmask.types import Bytes

Picture = str | PathLike[str] | Image.Image | npt.NDArray[Any]

#: Largest picture taken, in pixels: a hundred boolean masks of this size fill 5 GB.
MAX_PIXELS = 50_000_000

#: Formats that are pixels and nothing else; PostScript and the like are programs.
FORMATS = ("PNG", "JPEG", "WEBP", "AVIF", "BMP", "GIF", "TIFF", "PPM", "JPEG2000")

#: Grey levels between the darkest and the lightest pixel of an image that shows nothing.
BLANK = 4

SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".jpe", ".mpo", ".webp", ".avif", ".bmp", ".gif", ".tif", ".tiff"}
    | {".ppm", ".pgm", ".jp2"}
)


def read_image(picture: Picture) -> Bytes:
    """Read a picture as a person sees it.

    EXIF orientation is applied; grey, palette, CMYK, 16-bit and transparent pictures (laid on
    white) become RGB; of several frames the first is taken.

    Args:
        picture: a path, a PIL image, or an array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4) of
            uint8, uint16, bool, or floats from 0 to 1.

    Returns:
        uint8 RGB (H, W, 3).

    Raises:
        ImageError: when it is missing, damaged, too large, or no picture.
    """
    if isinstance(picture, np.ndarray):
        return _from_array(picture)
    if isinstance(picture, Image.Image):
        return _from_pil(picture, "the picture")
    path = Path(fspath(picture))
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise ImageError(f"expected a picture at {path}, but it {what}; check the path")
    try:
        return _opened(path, str(path), MAX_PIXELS)
    except PermissionError:
        raise ImageError(f"expected a readable picture at {path}, got no permission") from None


def decode_image(content: bytes, name: str = "the file", most: int = MAX_PIXELS) -> Bytes:
    """As ``read_image``, for a picture file in memory.

    Args:
        content: the file's.
        name: what to call it in an error.
        most: pixels, at most ``MAX_PIXELS``.

    Raises:
        ImageError: when it is damaged, too large, or no picture.
    """
    return _opened(BytesIO(content), name, min(most, MAX_PIXELS))


def _opened(source: Path | BytesIO, name: str, most: int) -> Bytes:
    try:
        with warnings.catch_warnings():
            # Our own limit says the same in one sentence.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(source, formats=_formats()) as opened:
                return _from_pil(opened, name, most)
    except Image.DecompressionBombError as error:
        raise ImageError(f"{name} is too large to open safely ({error}); make it smaller") from None
    except UnidentifiedImageError:
        raise ImageError(
            f"expected a picture ({', '.join(FORMATS)}) in {name}, but its content is none"
        ) from None
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        if isinstance(error, ImageError | PermissionError):
            raise
        raise ImageError(f"{name} is damaged or cut short ({error}); fetch it again") from None


@cache
def _formats() -> tuple[str, ...]:
    """Those of ``FORMATS`` that this Pillow was built with."""
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


def checked(image: npt.NDArray[Any]) -> Bytes:
    """The array itself, when it is a picture as ``read_image`` gives it.

    Raises:
        ImageError: when it is not uint8 RGB (H, W, 3) with at least one pixel.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
        raise ImageError(f"expected a picture as uint8 (H, W, 3), got {image.dtype} {image.shape}")
    return image


def is_blank(image: Bytes) -> bool:
    """Whether an image, uint8 RGB (H, W, 3), is of one colour, up to ``BLANK`` levels a channel."""
    coarse = image[::16, ::16]  # tells of nearly every image that it is not
    return not any((np.ptp(part, axis=(0, 1)) > BLANK).any() for part in (coarse, image))


def find_pictures(where: str) -> list[Path]:
    """Picture files by path, folder or glob, sorted by name.

    Args:
        where: one file, a folder (its own picture files, not its sub-folders'), or a glob.

    Raises:
        ImageError: when there is none.
    """
    path = Path(where)
    if path.is_dir():
        found = [file for file in path.iterdir() if file.suffix.lower() in SUFFIXES]
    elif glob.has_magic(where) and not path.exists():
        found = [Path(name) for name in glob.glob(where, recursive=True)]  # noqa: PTH207
    else:
        return [path]
    found = sorted(file for file in found if file.is_file() and not file.name.startswith("."))
    if not found:
        raise ImageError(
            f"expected pictures in {where}, found none ({', '.join(sorted(SUFFIXES))})"
        )
    return found


def _from_pil(image: Image.Image, name: str, most: int = MAX_PIXELS) -> Bytes:
    _check_size(image.height, image.width, name, most)
    upright = ImageOps.exif_transpose(image)
    if upright.mode in ("I", "F") or upright.mode.startswith("I;16"):
        return _from_array(_grey_of_many_bits(upright))
    if upright.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in upright.info:
        upright = upright.convert("RGBA")
        white = Image.new("RGBA", upright.size, (255, 255, 255, 255))
        upright = Image.alpha_composite(white, upright)
    return np.array(upright.convert("RGB"), np.uint8)


def _grey_of_many_bits(image: Image.Image) -> npt.NDArray[np.uint16]:
    """Pixels of a 16- or 32-bit grey image as uint16, whatever range it uses."""
    values = np.asarray(image).astype(np.float64)
    if not np.isfinite(values).all():
        raise ImageError("expected finite pixel values, got NaN or infinity")
    if image.mode == "F" and values.max(initial=0) <= 1:
        values = values * 65535
    elif image.mode in ("I", "F") and values.max(initial=0) <= 255:
        values = values * 257
    return np.clip(np.round(values), 0, 65535).astype(np.uint16)


def _from_array(array: npt.NDArray[Any]) -> Bytes:
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 3, 4)):
        raise ImageError(
            "expected an array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), "
            f"got {array.shape}; move channels to the last axis"
        )
    _check_size(array.shape[0], array.shape[1], "the array")
    pixels = _to_uint8(array).reshape(*array.shape[:2], -1)
    if pixels.shape[2] == 4:
        return _from_pil(Image.fromarray(pixels), "the array")
    return np.ascontiguousarray(np.broadcast_to(pixels, (*array.shape[:2], 3)))


def _to_uint8(array: npt.NDArray[Any]) -> Bytes:
    if array.dtype == np.uint8:
        return array
    if array.dtype == np.uint16:
        return ((array.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * 255
    if np.issubdtype(array.dtype, np.floating):
        # NaN fails both comparisons and so the test.
        if not (array.min(initial=0) >= 0 and array.max(initial=0) <= 1):
            raise ImageError("expected float pixels from 0 to 1; divide by 255 or pass uint8")
        return np.round(array * 255).astype(np.uint8)
    raise ImageError(f"expected pixels of uint8, uint16, bool or float, got {array.dtype}")


def _check_size(height: int, width: int, name: str, most: int = MAX_PIXELS) -> None:
    if height < 1 or width < 1:
        raise ImageError(f"expected a picture of at least 1x1 pixels, {name} has {width}x{height}")
    if height * width > most:
        raise ImageError(
            f"{name} has {width}x{height} = {height * width / 1e6:.3g} megapixels, pictures "
            f"are taken up to {most / 1e6:.3g}; make it smaller first"
        )
