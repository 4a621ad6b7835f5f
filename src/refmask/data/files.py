"""Files of data sets: annotations, pickles as plain data, images, and the published sizes."""

from __future__ import annotations

import hashlib
import io
import pickle
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NoReturn

from refmask.errors import ConfigurationError, ImageError, InputError, RefmaskWarning
from refmask.ops.finding import leads_out, located
from refmask.ops.images import read_image
from refmask.ops.pickles import check_pickle
from refmask.ops.reading import BROKEN, in_short, is_file, is_folder, read_bytes
from refmask.types import UInt8Array

WAY_OUT = "'refmask data check NAME' lists where they come from"


def read(path: Path) -> bytes:
    """Read the bytes of an annotation file.

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
        InputError: when it is damaged or names a class or a function; none is imported.
    """
    try:
        check_pickle(content)
        return _PlainUnpickler(io.BytesIO(content), encoding="latin1").load()
    except (pickle.UnpicklingError, *BROKEN) as error:
        raise InputError(
            f"{path} is not a pickle of plain lists, dictionaries, numbers and texts: "
            f"{in_short(error)}; fetch the original file again, or convert it to JSON"
        ) from None


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> NoReturn:
        raise pickle.UnpicklingError(f"{module}.{name} is not plain data")


def read_annotated(folder: Path, name: str, height: int, width: int) -> UInt8Array:
    """Read an image as uint8 RGB (H, W, 3) and check its size against the annotations.

    Args:
        folder: of the data set's images.
        name: path below it, in any of the spellings of ``ops.finding``.
        height: H.
        width: W.

    Raises:
        ImageError: when it is missing, damaged, of another size, or not below the folder.
    """
    if leads_out(name):
        raise ImageError(
            f"the image {name[:200]!r} lies outside of {folder}; put it there and correct the name "
            "in the table"
        )
    path = located(folder / name)
    image = read_image(path)
    if image.shape[:2] != (height, width):
        raise ImageError(
            f"{path} has {image.shape[1]}x{image.shape[0]} pixels, its annotations are for "
            f"{width}x{height} (width x height); put the original image there"
        )
    return image


def missing(folder: Path, names: Iterable[str]) -> list[Path]:
    """Those of a folder's files that do not exist or are not below it; folders are listed once."""
    listed: dict[Path, set[str]] = {}
    absent = []
    for name in names:
        path = folder / name
        parent, outside = path.parent, leads_out(name)
        if parent not in listed:
            files = parent.iterdir() if is_folder(parent) and not outside else ()
            listed[parent] = {file.name for file in files}
        if outside or (path.name not in listed[parent] and not is_file(located(path))):
            absent.append(path)
    return absent


def no_image(name: str, image: str) -> ConfigurationError:
    """The error for an image id that a data set does not have."""
    return ConfigurationError(f"{name} has no image with the id '{image}'; choose one of its ids")


def check_counts(name: str, counts: Mapping[str, int], published: Mapping[str, int]) -> None:
    """Warn when a split is smaller or larger than published.

    Args:
        name: of the split, for the message.
        counts: by what is counted, such as "refs".
        published: the published counts, as far as known.
    """
    wrong = [
        f"{counts[key]} {key} instead of {count}"
        for key, count in published.items()
        if counts[key] != count
    ]
    if wrong:
        warnings.warn(
            f"{name} is not as published: {'; '.join(wrong)}; its metrics do not compare with "
            "published ones",
            RefmaskWarning,
            stacklevel=3,
        )
