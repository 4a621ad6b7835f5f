"""The picture files of a data set."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from refmask.errors import ImageError
from refmask.ops.images import read_image
from refmask.ops.names import leads_out, located
from refmask.ops.reading import is_file, is_folder
from refmask.types import UInt8Array


def read_picture(folder: Path, name: str, height: int, width: int) -> UInt8Array:
    """A picture of the size that its annotations are drawn for, as uint8 RGB (H, W, 3).

    Args:
        folder: of the data set's pictures.
        name: below it, as the table has it, however it spells it; see ``ops.names``.
        height: H.
        width: W.

    Raises:
        ImageError: when it is missing, damaged, of another size, or not below the folder.
    """
    if leads_out(name):
        raise ImageError(
            f"expected a picture below {folder}, but its table names {name[:200]!r}, which is "
            "outside; put the picture there and correct the name"
        )
    path = located(folder / name)
    image = read_image(path)
    if image.shape[:2] != (height, width):
        raise ImageError(
            f"expected {path} to have {width}x{height} pixels (width x height) as its annotations "
            f"say, got {image.shape[1]}x{image.shape[0]}; put the original picture there"
        )
    return image


def missing(folder: Path, names: Iterable[str]) -> list[Path]:
    """Those of a folder's files that are not there, or not below it; it is listed once."""
    listed: dict[Path, set[str]] = {}
    absent = []
    for name in names:
        path = folder / name
        parent = path.parent
        if parent not in listed:
            there = parent.iterdir() if is_folder(parent) and not leads_out(name) else ()
            listed[parent] = {file.name for file in there}
        if leads_out(name) or (path.name not in listed[parent] and not is_file(located(path))):
            absent.append(path)
    return absent
