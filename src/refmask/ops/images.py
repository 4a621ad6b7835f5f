"""Any image a user may have, as uint8 RGB."""

from __future__ import annotations

import re
import sys
from io import BytesIO
from os import PathLike, fspath
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from refmask.errors import ImageError
from refmask.limits import check
from refmask.ops.levels import eight_bits, is_deep, joined_bytes, lower_bytes
from refmask.ops.opening import FORMATS, HEIF, HEIF_MISSING, format_by_head, has_heif, open_image
from refmask.ops.reading import BROKEN, check_file, in_short, is_file
from refmask.types import UInt8Array

if TYPE_CHECKING:
    from torch import Tensor

ImageInput: TypeAlias = (
    "str | PathLike[str] | bytes | IO[bytes] | Image.Image | npt.NDArray[Any] | Tensor"
)

#: Grey levels between the darkest and the lightest pixel of an image that shows nothing.
BLANK = 4

#: How a URL begins, also one that was made a path; a drive of Windows has one letter.
URL = re.compile(r"(?:[a-z][a-z0-9+.-]+:/|data:)", re.IGNORECASE)


def read_image(image: ImageInput) -> UInt8Array:
    """Read an image as a person sees it.

    EXIF orientation is applied; grey, palette, CMYK, 16-bit and transparent images (laid on
    white) become RGB; of several frames the first is taken. Values of 10 to 14 bits in 16, and
    floats of a file outside 0 to 1, are scaled by what they hold, of which a RefmaskWarning tells.

    Args:
        image: a path; an image file's bytes, or a binary file of them; a PIL image; an array
            (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), or a torch tensor of such a shape or (1, H,
            W), (3, H, W) or (4, H, W), of uint8, uint16, bool, or floats from 0 to 1.

    Returns:
        uint8 RGB (H, W, 3).

    Raises:
        ImageError: when it is missing, damaged, too large, a URL, or no image.
    """
    if isinstance(image, np.ndarray):
        return _from_array(image)
    if isinstance(image, Image.Image):
        return _from_pil(image, "the image")
    if isinstance(image, bytes | bytearray | memoryview):
        return decode_image(bytes(image), "the image")
    if isinstance(image, str | PathLike):
        return _from_path(fspath(image))
    if "torch" in sys.modules and isinstance(image, sys.modules["torch"].Tensor):
        return _from_tensor(image)
    if callable(getattr(image, "read", None)):
        return _from_file(image)
    raise ImageError(
        f"cannot read an image from {type(image).__name__}; give a path, a file's bytes, a "
        "binary file, a PIL image, a NumPy array or a torch tensor"
    )


def decode_image(content: bytes, name: str = "the file", most: int | None = None) -> UInt8Array:
    """As ``read_image``, for an image file in memory.

    Args:
        content: the file's.
        name: what to call it in an error.
        most: pixels, when less than the limit of all images.

    Raises:
        ImageError: when it is damaged, too large, or no image.
    """
    return _opened(BytesIO(content), name, most)


def check_name(name: str) -> None:
    """Raise ImageError for what names no place: nothing, or a URL, as nothing is fetched."""
    if not name:
        raise ImageError("expected an image's path, got an empty one; name an image")
    if URL.match(name):
        raise ImageError(
            f"URLs are not supported, got {name[:80]}; download the image and give its path"
        )


def _from_path(name: str) -> UInt8Array:
    path = Path(name)
    if not is_file(path):
        check_name(name)
    check_file(path, "an image", ImageError)
    try:
        return _opened(path, str(path))
    except PermissionError:
        raise ImageError(
            f"expected a readable image at {path}, got no permission; change that"
        ) from None


def _from_file(file: Any) -> UInt8Array:
    name = str(getattr(file, "name", "the file"))
    try:
        content = file.read()
    except (OSError, ValueError) as error:
        raise ImageError(f"{name} cannot be read ({in_short(error)}); open it anew") from None
    if not isinstance(content, bytes):
        raise ImageError(f"{name} is open as text; open it in binary mode ('rb')")
    return decode_image(content, name)


def _opened(source: Path | BytesIO, name: str, most: int | None = None) -> UInt8Array:
    try:
        with open_image(source) as opened:
            _check_size(opened.height, opened.width, name, most)
            deep = is_deep(opened)
            upright = ImageOps.exif_transpose(opened)
        if deep:
            upright = joined_bytes(upright, _lower(source), name)
        return _rgb(upright, name)
    except Image.DecompressionBombError as error:
        raise ImageError(f"{name} is too large to open safely ({error}); make it smaller") from None
    except UnidentifiedImageError:
        raise _unknown(source, name) from None
    except BROKEN as error:
        if isinstance(error, ImageError | PermissionError):
            raise
        told = in_short(error)
        raise ImageError(f"{name} is damaged or cut short ({told}); fetch it again") from None


def _lower(source: Path | BytesIO) -> Image.Image | None:
    """The less significant bytes of an image of 16 bits a colour, upright."""
    if isinstance(source, BytesIO):
        source.seek(0)
    with open_image(source) as opened:
        lower = lower_bytes(opened)
        return None if lower is None else ImageOps.exif_transpose(lower)


def _unknown(source: Path | BytesIO, name: str) -> ImageError:
    """The error for a file that nothing could open."""
    form = format_by_head(source)
    if form == HEIF and not has_heif():
        return ImageError(f"{name} is a HEIC image, which needs one more package; {HEIF_MISSING}")
    if form is not None:
        return ImageError(
            f"{name} is damaged or cut short: it begins as {form} does, and cannot be decoded; "
            "fetch it again"
        )
    return ImageError(
        f"{name} is no image that refmask can read ({', '.join(FORMATS)}); convert it, or choose "
        "another file"
    )


def checked(image: npt.NDArray[Any]) -> UInt8Array:
    """The array itself, when it is an image as ``read_image`` gives it.

    Raises:
        ImageError: when it is not uint8 RGB (H, W, 3) with at least one pixel.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
        raise ImageError(f"expected an image as uint8 (H, W, 3), got {image.dtype} {image.shape}")
    return image


def is_blank(image: UInt8Array) -> bool:
    """Whether an image, uint8 RGB (H, W, 3), is of one colour, up to ``BLANK`` levels a channel."""
    coarse = image[::16, ::16]  # tells of nearly every image that it is not
    return not any((np.ptp(part, axis=(0, 1)) > BLANK).any() for part in (coarse, image))


def _from_pil(image: Image.Image, name: str) -> UInt8Array:
    _check_size(image.height, image.width, name)
    return _rgb(ImageOps.exif_transpose(image), name)


def _rgb(upright: Image.Image, name: str) -> UInt8Array:
    if upright.mode in ("I", "F") or upright.mode.startswith("I;16"):
        return _from_grey(eight_bits(np.asarray(upright), name))
    if upright.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in upright.info:
        upright = upright.convert("RGBA")
        white = Image.new("RGBA", upright.size, (255, 255, 255, 255))
        upright = Image.alpha_composite(white, upright)
    return np.array(upright.convert("RGB"), np.uint8)


def _from_tensor(tensor: Any) -> UInt8Array:
    """A torch tensor: channels first, as torch has them, unless only the last axis can be them."""
    try:
        plain = tensor.detach().cpu()
        # NumPy has no bfloat16.
        plain = plain.float() if plain.is_floating_point() else plain.resolve_neg()
        array = plain.numpy()
    except BROKEN as error:
        raise ImageError(
            f"cannot read an image from a tensor of {tensor.dtype}, {tensor.layout} on "
            f"{tensor.device} ({in_short(error)}); give a dense tensor of uint8, or of floats from "
            "0 to 1"
        ) from None
    if array.ndim == 3 and array.shape[0] in (1, 3, 4):
        array = array.transpose(1, 2, 0)
    return _from_array(array)


def _from_array(array: npt.NDArray[Any]) -> UInt8Array:
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 3, 4)):
        raise ImageError(
            "expected an array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), "
            f"got {array.shape}; move channels to the last axis"
        )
    _check_size(array.shape[0], array.shape[1], "the array")
    pixels = _to_uint8(array).reshape(*array.shape[:2], -1)
    if pixels.shape[2] == 4:
        return _from_pil(Image.fromarray(pixels), "the array")
    return _from_grey(pixels)


def _from_grey(pixels: UInt8Array) -> UInt8Array:
    """RGB of uint8 (H, W), (H, W, 1) or (H, W, 3)."""
    height, width = pixels.shape[:2]
    return np.ascontiguousarray(
        np.broadcast_to(pixels.reshape(height, width, -1), (height, width, 3))
    )


def _to_uint8(array: npt.NDArray[Any]) -> UInt8Array:
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    if array.dtype == np.uint8:
        return array
    if array.dtype == np.uint16:
        return eight_bits(array, "the array")
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * 255
    if np.issubdtype(array.dtype, np.floating):
        if np.isnan(array).any():
            raise ImageError("expected float pixels from 0 to 1, got NaN; replace it")
        if not (array.min(initial=0) >= 0 and array.max(initial=0) <= 1):
            raise ImageError("expected float pixels from 0 to 1; divide by 255 or pass uint8")
        return np.round(array * 255).astype(np.uint8)
    raise ImageError(
        f"expected pixels of uint8, uint16, bool or float, got {array.dtype}; convert them"
    )


def _check_size(height: int, width: int, name: str, most: int | None = None) -> None:
    if height < 1 or width < 1:
        raise ImageError(
            f"{name} has {width}x{height} pixels, not at least 1x1; choose another image"
        )
    if most is not None and height * width > most:
        raise ImageError(
            f"{name} has {width}x{height} = {height * width / 1e6:.3g} megapixels, images "
            f"are taken up to {most / 1e6:.3g}; make it smaller first"
        )
    check("pixels", height * width, f"{name} ({width}x{height})", ImageError)
