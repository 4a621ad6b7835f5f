"""``masks:PATH``: masks that were made elsewhere.

PATH is one of

* a PNG file, or a folder of them, read in the order of their names: see
  :mod:`refmask.proposals.mask_images`;
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
from refmask.limits import check_masks
from refmask.ops.reading import Header, check_file, is_folder, read_arrays, read_headers
from refmask.proposals.coco_json import CocoMasks
from refmask.proposals.mask_images import read_folder, read_png
from refmask.types import BoolArray, FloatArray, MaskProposals, UInt8Array, as_quality, sealed

Array = npt.NDArray[Any]

_NAMES = ("masks", "masks_packed", "masks_shape", "quality", "scores")


class _Source(Protocol):
    def read(self, height: int, width: int) -> tuple[BoolArray, FloatArray]:
        """Masks bool (N, H, W) and quality (N,) for an image of that size; raises MaskError."""
        ...


class GivenMasks:
    """Proposes the masks of a folder or a file for any image of their size.

    Args:
        path: the folder or file.
        stem: the image's file name without its extension; chooses among the images of a COCO
            file.

    Raises:
        MaskError: when there is nothing at ``path`` or it cannot be read as masks.
    """

    def __init__(self, path: str | Path, stem: str | None = None) -> None:
        self.path = Path(path)
        self.source = _open(self.path, stem)

    def propose(self, image: UInt8Array) -> MaskProposals:
        """The given masks, checked against an image.

        Args:
            image: uint8 RGB (H, W, 3).

        Returns:
            All masks that hold at least one pixel; none is an allowed answer.

        Raises:
            MaskError: when the masks have another size than the image.
        """
        height, width = image.shape[:2]
        masks, quality = self.source.read(height, width)
        some = masks.any(axis=(1, 2))
        if not some.any():
            return MaskProposals.empty(height, width)
        if not some.all():
            masks, quality = masks[some], quality[some]
        return MaskProposals(sealed(masks), quality=quality)


class _Drawn:
    """Masks of one quality, drawn as PNG files."""

    def __init__(self, path: Path, masks: BoolArray) -> None:
        self.path, self.masks = path, masks

    def read(self, height: int, width: int) -> tuple[BoolArray, FloatArray]:
        _check_size(self.path, self.masks.shape, height, width)
        return self.masks, np.ones(len(self.masks), np.float32)


class _Npz:
    """Masks of an ``.npz`` file, of which only headers are read before the image's size fits."""

    def __init__(self, path: Path) -> None:
        self.path = path
        headers, there = read_headers(path, _NAMES, "masks", MaskError)
        self.packed = "masks" not in headers
        if self.packed and not {"masks_packed", "masks_shape"} <= set(headers):
            names = ", ".join(there) or "nothing"
            raise MaskError(
                f"'{path}' holds {names}; expected an array 'masks', or 'masks_packed' and "
                "'masks_shape'"
            )
        self.shape = self._told_shape(headers) if self.packed else self._own_shape(headers)
        self.belief = "quality" if "quality" in headers else "scores"
        told = headers.get(self.belief)
        if told and (told.shape != self.shape[:1] or told.dtype.kind not in "fiu"):
            raise MaskError(
                f"{self.belief} of '{path}' must be {self.shape[0]} finite numbers, one per mask"
            )

    def read(self, height: int, width: int) -> tuple[BoolArray, FloatArray]:
        _check_size(self.path, self.shape, height, width)
        own = "masks_packed" if self.packed else "masks"
        arrays, _ = read_arrays(self.path, (own, self.belief), "masks", MaskError)
        quality = arrays.get(self.belief, np.ones(self.shape[0], np.float32))
        masks = self._unpacked(arrays[own]) if self.packed else _inside(self.path, arrays[own])
        return masks.reshape(self.shape), as_quality(quality, f"{self.belief} of '{self.path}'")

    def _own_shape(self, headers: dict[str, Header]) -> tuple[int, int, int]:
        """N, H, W of 'masks', of which an axis of one channel is dropped."""
        shape = headers["masks"].shape
        if len(shape) == 4 and shape[1] == 1:
            shape = (shape[0], *shape[2:])
        if len(shape) != 3 or 0 in shape[1:]:
            raise MaskError(
                f"masks of '{self.path}' have the shape {shape}; expected (N, H, W) of at least 1x1"
            )
        check_masks(shape, f"'{self.path}'")
        return shape

    def _told_shape(self, headers: dict[str, Header]) -> tuple[int, int, int]:
        """N, H, W as 'masks_shape' tells, when 'masks_packed' fits it."""
        fault = f"masks_shape of '{self.path}' must be three whole numbers N, H, W"
        if headers["masks_shape"].shape != (3,) or headers["masks_shape"].dtype.kind not in "iu":
            raise MaskError(fault)
        arrays, _ = read_arrays(self.path, ["masks_shape"], "masks", MaskError)
        count, height, width = map(int, arrays["masks_shape"])
        if min(count, height - 1, width - 1) < 0:
            raise MaskError(f"{fault} of at least 0, 1 and 1")
        check_masks((count, height, width), f"'{self.path}'")
        packed, expected = headers["masks_packed"], (count, -(-height * width // 8))
        if packed.dtype != np.uint8 or packed.shape != expected:
            raise MaskError(
                f"masks_packed of '{self.path}' is {packed.dtype} {packed.shape}; expected uint8 "
                f"{expected} for masks_shape {(count, height, width)}"
            )
        return count, height, width

    def _unpacked(self, packed: UInt8Array) -> BoolArray:
        places = self.shape[1] * self.shape[2]
        return np.unpackbits(packed, axis=1, count=places).view(np.bool_)


def _open(path: Path, stem: str | None) -> _Source:
    if is_folder(path):
        return _Drawn(path, read_folder(path, stem))
    check_file(path, "masks", MaskError)
    if path.suffix.lower() == ".npz":
        return _Npz(path)
    if path.suffix.lower() == ".png":
        return _Drawn(path, read_png(path))
    if path.suffix.lower() == ".json":
        return CocoMasks(path, stem)
    raise MaskError(
        f"masks '{path}' are of an unknown kind; expected a PNG file or a folder of them, .npz or "
        ".json"
    )


def _inside(path: Path, masks: Array) -> BoolArray:
    """Where numbers are above zero, in the memory of those that take one byte each."""
    drawn = masks.dtype.kind in "biu"
    if not drawn and not (masks.dtype.kind == "f" and ((masks == 0) | (masks == 1)).all()):
        raise MaskError(
            f"masks of '{path}' are {masks.dtype}; expected bool, whole numbers or floats of 0 and "
            "1, so threshold them first"
        )
    room = masks.view(np.bool_) if masks.dtype.itemsize == 1 else np.empty(masks.shape, np.bool_)
    return np.greater(masks, 0, out=room)


def _check_size(path: Path, shape: tuple[int, ...], height: int, width: int) -> None:
    if shape[0] and shape[1:] != (height, width):
        raise MaskError(
            f"masks of '{path}' are {shape[2]}x{shape[1]} pixels, but the image is "
            f"{width}x{height} (width x height); give masks of the image's size"
        )
