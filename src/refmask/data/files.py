"""Files of data sets: annotations by their bytes, pickles as plain data, images by name."""

from __future__ import annotations

import hashlib
import io
import pickle
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn

from refmask.errors import ImageError, InputError
from refmask.ops.finding import leads_out, located
from refmask.ops.images import read_image
from refmask.ops.pickles import check_pickle
from refmask.ops.reading import BROKEN, in_short, is_file, is_folder, read_bytes
from refmask.types import UInt8Array

WAY_OUT = "'refmask data check NAME' tells where they come from"


def read(path: Path) -> bytes:
    """The bytes of an annotation file.

    Raises:
        InputError: when it cannot be read.
    """
    return read_bytes(path, "annotations", way_out=WAY_OUT)


def fingerprint(rules: tuple[str, ...], *contents: bytes) -> str:
    """SHA-256 over the rules by which files are read and the files' bytes."""
    digest = hashlib.sha256("\0".join(rules).encode())
    for content in contents:
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()


def loads_plain(content: bytes, path: Path) -> Any:
    """The plain data in a pickle: containers, numbers, texts, bytes, booleans and None.

    Texts of Python 2 (``str``) are read as Latin-1.

    Args:
        content: the pickle.
        path: where it comes from, for messages.

    Raises:
        InputError: when it is damaged or names a class or a function; none is looked up.
    """
    try:
        check_pickle(content)
        return _PlainUnpickler(io.BytesIO(content), encoding="latin1").load()
    except (pickle.UnpicklingError, *BROKEN) as error:
        raise InputError(
            f"expected a pickle of plain lists, dictionaries, numbers and texts in {path}, got "
            f"{in_short(error)}; fetch the original file again, or convert it to JSON"
        ) from None


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> NoReturn:
        raise pickle.UnpicklingError(f"{module}.{name}, which is no plain data")


def read_annotated(folder: Path, name: str, height: int, width: int) -> UInt8Array:
    """An image of the size that its annotations are drawn for, as uint8 RGB (H, W, 3).

    Args:
        folder: of the data set's images.
        name: below it, as the table has it, however it spells it; see ``ops.finding``.
        height: H.
        width: W.

    Raises:
        ImageError: when it is missing, damaged, of another size, or not below the folder.
    """
    if leads_out(name):
        raise ImageError(
            f"expected an image below {folder}, but its table names {name[:200]!r}, which is "
            "outside; put the image there and correct the name"
        )
    path = located(folder / name)
    image = read_image(path)
    if image.shape[:2] != (height, width):
        raise ImageError(
            f"expected {path} to have {width}x{height} pixels (width x height) as its annotations "
            f"say, got {image.shape[1]}x{image.shape[0]}; put the original image there"
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
