"""Opening image files with Pillow: supported formats, from any thread."""

from __future__ import annotations

import threading
import warnings
from functools import cache
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path

from PIL import Image
from PIL.ImageFile import ImageFile

from refmask.ops.reading import BROKEN

#: Formats of plain pixels; PostScript and the like are programs.
FORMATS = ("PNG", "JPEG", "WEBP", "AVIF", "BMP", "GIF", "TIFF", "PPM", "JPEG2000")
#: The format of phones, which Pillow reads where pillow-heif is installed.
HEIF = "HEIF"
HEIF_MISSING = 'install pillow-heif (pip install "refmask[heif]"), or convert it to JPEG'
#: Kinds of HEIF, by the file's first bytes.
HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")

#: Bytes by which Pillow tells formats.
HEAD = 16

#: All threads share the filter of warnings.
_one_at_a_time = threading.Lock()


def open_image(source: Path | BytesIO) -> ImageFile:
    """The image of a file, only its header read; thread-safe.

    Raises:
        PIL.UnidentifiedImageError: when it is of none of ``formats()``.
        Image.DecompressionBombError, or one of ``reading.BROKEN``: when it is damaged.
    """
    known = formats()
    with _one_at_a_time, warnings.catch_warnings():
        # refmask's own limit and errors replace them.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        warnings.simplefilter("ignore", UserWarning)
        return Image.open(source, formats=known)


def is_image(file: Path) -> bool:
    """Whether a file starts like an image of ``formats()``."""
    try:
        open_image(file).close()
    except (Image.DecompressionBombError, *BROKEN):
        return False
    return True


@cache
def formats() -> tuple[str, ...]:
    """The formats of ``FORMATS`` and ``HEIF`` that this installation reads."""
    Image.init()
    if has_heif():
        from pillow_heif import register_heif_opener

        register_heif_opener()
    return tuple(name for name in (*FORMATS, HEIF) if name in Image.OPEN)


@cache
def has_heif() -> bool:
    """Whether pillow-heif is installed."""
    return find_spec("pillow_heif") is not None


def format_by_head(source: Path | BytesIO) -> str | None:
    """The one of ``formats()``, or ``HEIF``, by a file's first bytes, whatever its name."""
    if isinstance(source, BytesIO):
        head = source.getvalue()[:HEAD]
    else:
        with source.open("rb") as file:
            head = file.read(HEAD)
    if head[4:8] == b"ftyp" and head[8:12] in HEIF_BRANDS:
        return HEIF
    openers = ((name, Image.OPEN[name][1]) for name in formats())
    return next((name for name, accepts in openers if accepts and accepts(head) is True), None)
