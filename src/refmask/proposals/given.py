"""``masks:PATH``: masks that were made elsewhere.

PATH is one of

* a PNG file, or a folder of them, read in the order of their names: see
  :mod:`refmask.proposals.mask_pictures`;
* an ``.npz`` file with ``masks`` (N, H, W) or (N, 1, H, W), bool, whole numbers or floats that are
  all 0 or 1, above zero = inside; or with
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
from refmask.proposals.mask_pictures import read_folder, read_png
from refmask.types import BoolArray, FloatArray, MaskProposals, UInt8Array, sealed

Array = npt.NDArray[Any]

_NAMES = ("masks", "masks_packed", "masks_shape", "quality", "scores")


class _Source(Protocol):
    def read(self, height: int, width: int) -> tuple[BoolArray, FloatArray]:
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

    def propose(self, image: UInt8Array) -> MaskProposals:
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
        return MaskProposals(sealed(masks[some]), quality=quality[some])


class _Stack:
    """Masks already in memory."""

    def __init__(self, masks: BoolArray, quality: FloatArray) -> None:
        self.masks, self.quality = masks, quality

    @classmethod
    def alike(cls, masks: BoolArray) -> _Stack:
        """Masks of one quality."""
        return cls(masks, np.ones(len(masks), np.float32))

    def read(self, height: int, width: int) -> tuple[BoolArray, FloatArray]:  # noqa: ARG002
        return self.masks, self.quality


def _open(path: Path, stem: str | None) -> _Source:
    if path.is_dir():
        return _Stack.alike(read_folder(path, stem))
    if not path.is_file():
        raise MaskError(f"no masks at '{path}': there is no such file or folder")
    if path.suffix.lower() == ".npz":
        return _Stack(*_npz(path))
    if path.suffix.lower() == ".png":
        return _Stack.alike(read_png(path))
    if path.suffix.lower() == ".json":
        return CocoMasks(path, stem)
    raise MaskError(
        f"masks '{path}' are of an unknown kind; expected a PNG file or a folder of them, .npz or "
        ".json"
    )


def _npz(path: Path) -> tuple[BoolArray, FloatArray]:
    """Masks bool (N, H, W) and quality float32 (N,) of an ``.npz`` file."""
    arrays, there = read_arrays(path, _NAMES, "masks", MaskError)
    names = ", ".join(there) or "nothing"
    if "masks" in arrays:
        masks = _inside(path, arrays["masks"])
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


def _inside(path: Path, masks: Array) -> BoolArray:
    """Masks bool (N, H, W) of numbers; an axis of one channel is dropped."""
    drawn = masks.dtype.kind in "biu"
    if not drawn and not (masks.dtype.kind == "f" and ((masks == 0) | (masks == 1)).all()):
        raise MaskError(
            f"masks of '{path}' are {masks.dtype}; expected bool, whole numbers or floats of 0 and "
            "1, so threshold them first"
        )
    if masks.ndim == 4 and masks.shape[1] == 1:
        masks = masks[:, 0]
    return np.asarray(masks > 0)


def _unpacked(path: Path, packed: Array, shape: Array) -> BoolArray:
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
