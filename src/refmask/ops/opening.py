"""Opening image files, by Pillow: which formats, and from any thread."""

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

#: Formats that are pixels and nothing else; PostScript and the like are programs.
FORMATS = ("PNG", "JPEG", "WEBP", "AVIF", "BMP", "GIF", "TIFF", "PPM", "JPEG2000")
#: What phones write, which Pillow reads where pillow-heif is installed.
HEIF = "HEIF"
HEIF_MISSING = 'install pillow-heif (pip install "refmask[heif]"), or convert it to JPEG'
#: Kinds of HEIF, as the file's first bytes tell them.
HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")

#: The filter of warnings is one for all threads.
_one_at_a_time = threading.Lock()


def open_image(source: Path | BytesIO) -> ImageFile:
    """The image of a file, of which only the head has been read; threads may call it.

    Raises:
        PIL.UnidentifiedImageError: when it is of none of ``formats()``.
        Image.DecompressionBombError, or one of ``reading.BROKEN``: when it is damaged.
    """
    known = formats()
    with _one_at_a_time, warnings.catch_warnings():
        # Our own limit says the same in one sentence.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        return Image.open(source, formats=known)


def is_image(file: Path) -> bool:
    """Whether a file begins as an image of ``formats()`` does."""
    try:
        open_image(file).close()
    except (Image.DecompressionBombError, *BROKEN):
        return False
    return True


@cache
def formats() -> tuple[str, ...]:
    """Those of ``FORMATS`` that are read here, and ``HEIF`` where it is."""
    Image.init()
    if has_heif():
        from pillow_heif import register_heif_opener

        register_heif_opener()
    return tuple(name for name in (*FORMATS, HEIF) if name in Image.OPEN)


@cache
def has_heif() -> bool:
    """Whether pillow-heif is installed."""
    return find_spec("pillow_heif") is not None


def is_heif(source: Path | BytesIO) -> bool:
    """Whether a file's first bytes say that it is of HEIF, whatever its name."""
    if isinstance(source, BytesIO):
        head = source.getvalue()[:12]
    else:
        with source.open("rb") as file:
            head = file.read(12)
    return head[4:8] == b"ftyp" and head[8:] in HEIF_BRANDS
