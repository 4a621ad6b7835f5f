"""The picture files of a data set."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from refmask.errors import ImageError
from refmask.ops.finding import located
from refmask.ops.images import read_image
from refmask.ops.reading import is_file
from refmask.types import UInt8Array


def read_picture(path: Path, height: int, width: int) -> UInt8Array:
    """A picture of the size that its annotations are drawn for, as uint8 RGB (H, W, 3).

    Args:
        path: as the table has it, however it spells the name; see ``ops.finding``.
        height: H.
        width: W.

    Raises:
        ImageError: when it is missing, damaged, or of another size.
    """
    path = located(path)
    image = read_image(path)
    if image.shape[:2] != (height, width):
        raise ImageError(
            f"expected {path} to have {width}x{height} pixels (width x height) as its annotations "
            f"say, got {image.shape[1]}x{image.shape[0]}; put the original picture there"
        )
    return image


def missing(paths: Iterable[Path]) -> list[Path]:
    """Those of the files that are not there; each folder is listed once."""
    listed: dict[Path, set[str]] = {}
    absent = []
    for path in paths:
        folder = path.parent
        if folder not in listed:
            there = folder.iterdir() if folder.is_dir() else ()
            listed[folder] = {file.name for file in there}
        if path.name not in listed[folder] and not is_file(located(path)):
            absent.append(path)
    return absent
