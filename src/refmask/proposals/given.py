"""``masks:PATH``: masks that were made elsewhere.

PATH is one of

* a folder of PNG files, each one mask, read in the order of their names. A pixel is inside when any
  of its channels is above zero and it is not transparent;
* an ``.npz`` file with ``masks`` (N, H, W), bool or whole numbers, above zero = inside; or with
  ``masks_packed`` (N, ceil(H * W / 8)), each mask flattened and packed by ``numpy.packbits``, and
  ``masks_shape`` (N, H, W). ``quality`` (N,) may be added, or ``scores`` (N,), which mean the same
  and are read where there is no ``quality``;
* a COCO ``.json`` file: see :mod:`refmask.proposals.coco_json`.

Masks keep the order they are given in. A mask without any pixel can be no answer and is left out.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from refmask.errors import MaskError
from refmask.limits import check
from refmask.ops.reading import read_arrays
from refmask.proposals.coco_json import CocoMasks
from refmask.types import Bools, Bytes, Floats, MaskProposals

Array = npt.NDArray[Any]

_NAMES = ("masks", "masks_packed", "masks_shape", "quality", "scores")


class _Source(Protocol):
    def read(self, height: int, width: int) -> tuple[Bools, Floats]:
        """Masks bool (N, H', W') and quality (N,) for a picture of that size."""
        ...


class GivenMasks:
    """Proposes the masks of a folder or a file for any picture of their size.

    Args:
        path: the folder or file.
        stem: the picture's file name without its extension; chooses among the pictures of a COCO
            file.

    Raises:
        MaskError: when there is nothing at ``path`` or it cannot be read as masks.
    """

    def __init__(self, path: str | Path, stem: str | None = None) -> None:
        self.path = Path(path)
        self.source = _open(self.path, stem)

    def propose(self, image: Bytes) -> MaskProposals:
        """The given masks, checked against a picture.

        Args:
            image: uint8 RGB (H, W, 3).

        Returns:
            All masks that hold at least one pixel; none is an allowed answer.

        Raises:
            MaskError: when the masks have another size than the picture.
        """
        height, width = image.shape[:2]
        masks, quality = self.source.read(height, width)
        if len(masks) and masks.shape[1:] != (height, width):
            raise MaskError(
                f"masks of '{self.path}' are {_size(masks.shape[1:])} pixels, but the picture is "
                f"{_size((height, width))} (width x height); give masks of the picture's size"
            )
        some = masks.any(axis=(1, 2))
        if not some.any():
            return MaskProposals.empty(height, width)
        return MaskProposals(masks[some], quality=quality[some])


class _Stack:
    """Masks already in memory."""

    def __init__(self, masks: Bools, quality: Floats) -> None:
        self.masks, self.quality = masks, quality

    def read(self, height: int, width: int) -> tuple[Bools, Floats]:  # noqa: ARG002
        return self.masks, self.quality


def _open(path: Path, stem: str | None) -> _Source:
    if path.is_dir():
        masks = _folder(path)
        return _Stack(masks, np.ones(len(masks), np.float32))
    if not path.is_file():
        raise MaskError(f"no masks at '{path}': there is no such file or folder")
    if path.suffix.lower() == ".npz":
        return _Stack(*_npz(path))
    if path.suffix.lower() == ".json":
        return CocoMasks(path, stem)
    raise MaskError(
        f"masks '{path}' are of an unknown kind; expected a folder of PNG files, .npz or .json"
    )


def _folder(path: Path) -> Bools:
    files = sorted(file for file in path.iterdir() if file.suffix.lower() == ".png")
    if not files:
        raise MaskError(f"the folder '{path}' holds no PNG file; put one PNG per mask into it")
    first = _png(files[0])
    check("unpacked", len(files) * first.size, f"masks of '{path}'", MaskError)
    masks = np.empty((len(files), *first.shape), np.bool_)
    masks[0] = first
    for index, file in enumerate(files[1:], start=1):
        mask = _png(file)
        if mask.shape != first.shape:
            raise MaskError(
                f"mask '{file}' is {_size(mask.shape)} pixels, but '{files[0].name}' beside it is "
                f"{_size(first.shape)} (width x height); give masks of one size"
            )
        masks[index] = mask
    return masks


def _png(file: Path) -> Bools:
    """One PNG as bool (H, W)."""
    from PIL import Image

    try:
        with Image.open(file, formats=("PNG",)) as picture:
            bands = picture.getbands()
            values = np.atleast_3d(np.asarray(picture))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, MemoryError) as error:
        raise MaskError(f"cannot read the mask '{file}' as a PNG picture: {_line(error)}") from None
    if bands[-1] == "A":
        return np.asarray((values[..., :-1] > 0).any(axis=2) & (values[..., -1] > 0))
    return np.asarray((values > 0).any(axis=2))


def _npz(path: Path) -> tuple[Bools, Floats]:
    """Masks bool (N, H, W) and quality float32 (N,) of an ``.npz`` file."""
    arrays, there = read_arrays(path, _NAMES, "masks", MaskError)
    names = ", ".join(there) or "nothing"
    if "masks" in arrays:
        masks = arrays["masks"]
        if masks.dtype != np.bool_ and not np.issubdtype(masks.dtype, np.integer):
            raise MaskError(
                f"masks of '{path}' are {masks.dtype}; expected bool or whole numbers, "
                "so threshold them first"
            )
        masks = masks > 0
    elif "masks_packed" in arrays and "masks_shape" in arrays:
        masks = _unpacked(path, arrays["masks_packed"], arrays["masks_shape"])
    else:
        raise MaskError(
            f"'{path}' holds {names}; expected an array 'masks', or 'masks_packed' and "
            "'masks_shape'"
        )
    if masks.ndim != 3 or 0 in masks.shape[1:]:
        raise MaskError(
            f"masks of '{path}' have the shape {masks.shape}; expected (N, H, W) of at least 1x1"
        )
    belief = "quality" if "quality" in arrays else "scores"
    quality = arrays.get(belief, np.ones(len(masks), np.float32))
    fits = quality.shape == (len(masks),) and quality.dtype.kind in "fiu"
    if not fits or not np.isfinite(quality).all():
        raise MaskError(f"{belief} of '{path}' must be {len(masks)} finite numbers, one per mask")
    return masks, quality.astype(np.float32)


def _unpacked(path: Path, packed: Array, shape: Array) -> Bools:
    """Masks bool (N, H, W) of their packed bits."""
    if shape.shape != (3,) or shape.dtype.kind not in "iu" or (shape < 0).any():
        raise MaskError(f"masks_shape of '{path}' must be three whole numbers N, H, W")
    count, height, width = map(int, shape)
    check("pixels", height * width, f"one mask of '{path}'", MaskError)
    check("unpacked", count * height * width, f"masks of '{path}'", MaskError)
    expected = (count, -(-height * width // 8))
    if packed.dtype != np.uint8 or packed.shape != expected:
        raise MaskError(
            f"masks_packed of '{path}' is {packed.dtype} {packed.shape}; expected uint8 {expected} "
            f"for masks_shape {(count, height, width)}"
        )
    bits = np.unpackbits(packed, axis=1, count=height * width)
    return bits.reshape(count, height, width).view(np.bool_)


def _size(shape: tuple[int, ...]) -> str:
    """Height and width as people say them: ``640x480``."""
    return f"{shape[1]}x{shape[0]}"


def _line(error: BaseException) -> str:
    """An error of a library on one line."""
    return " ".join(str(error).split()) or type(error).__name__
