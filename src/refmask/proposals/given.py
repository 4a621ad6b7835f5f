"""``masks:PATH``: masks made elsewhere.

PATH is one of

* a PNG file, or a folder of them, read in the order of their names: see
  :mod:`refmask.proposals.mask_images`;
* an ``.npz`` file with ``masks`` (N, H, W) or (N, 1, H, W), bool, whole numbers or floats that are
  all 0 or 1, above zero = inside; or with
  ``masks_packed`` (N, ceil(H * W / 8)), each mask flattened and packed by ``numpy.packbits``, and
  ``masks_shape`` (N, H, W). Optional: ``quality`` (N,), or ``scores`` (N,) with the same meaning,
  used where ``quality`` is missing;
* a COCO ``.json`` file: see :mod:`refmask.proposals.coco_json`.

Masks keep their order. Empty masks are left out.
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
            All masks with at least one pixel, possibly none.

        Raises:
            MaskError: when the masks have another size than the image.
        """
        height, width = image.shape[:2]
        masks, quality = self.source.read(height, width)
        nonempty = masks.any(axis=(1, 2))
        if not nonempty.any():
            return MaskProposals.empty(height, width)
        if not nonempty.all():
            masks, quality = masks[nonempty], quality[nonempty]
        return MaskProposals(sealed(masks), quality=quality)


class _Png:
    """Masks of one quality from PNG files."""

    def __init__(self, path: Path, masks: BoolArray) -> None:
        self.path, self.masks = path, masks

    def read(self, height: int, width: int) -> tuple[BoolArray, FloatArray]:
        _check_size(self.path, self.masks.shape, height, width)
        return self.masks, np.ones(len(self.masks), np.float32)


class _Npz:
    """Masks of an ``.npz`` file; only headers are read until the image's size is checked."""

    def __init__(self, path: Path) -> None:
        self.path = path
        headers, names = read_headers(path, _NAMES, "masks", MaskError)
        self.packed = "masks" not in headers
        if self.packed and not {"masks_packed", "masks_shape"} <= set(headers):
            raise MaskError(
                f"'{path}' holds {', '.join(names) or 'nothing'}; name its array 'masks', or give "
                "'masks_packed' and 'masks_shape'"
            )
        self.shape = self._packed_shape(headers) if self.packed else self._plain_shape(headers)
        self.quality = "quality" if "quality" in headers else "scores"
        header = headers.get(self.quality)
        if header and (header.shape != self.shape[:1] or header.dtype.kind not in "fiu"):
            raise MaskError(
                f"{self.quality} of '{path}' must be {self.shape[0]} finite numbers, one per mask; "
                "correct it, or leave it out"
            )

    def read(self, height: int, width: int) -> tuple[BoolArray, FloatArray]:
        _check_size(self.path, self.shape, height, width)
        name = "masks_packed" if self.packed else "masks"
        arrays, _ = read_arrays(self.path, (name, self.quality), "masks", MaskError)
        quality = arrays.get(self.quality, np.ones(self.shape[0], np.float32))
        if self.packed:
            pixels = self.shape[1] * self.shape[2]
            masks = np.unpackbits(arrays[name], axis=1, count=pixels).view(np.bool_)
        else:
            masks = _inside(self.path, arrays[name])
        return masks.reshape(self.shape), as_quality(quality, f"{self.quality} of '{self.path}'")

    def _plain_shape(self, headers: dict[str, Header]) -> tuple[int, int, int]:
        """N, H, W of 'masks', without an axis of one channel."""
        shape = headers["masks"].shape
        if len(shape) == 4 and shape[1] == 1:
            shape = (shape[0], *shape[2:])
        if len(shape) != 3 or 0 in shape[1:]:
            raise MaskError(
                f"masks of '{self.path}' have the shape {shape}; give (N, H, W) of at least 1x1"
            )
        check_masks(shape, f"'{self.path}'")
        return shape

    def _packed_shape(self, headers: dict[str, Header]) -> tuple[int, int, int]:
        """N, H, W from 'masks_shape', checked against 'masks_packed'."""
        fault = f"masks_shape of '{self.path}' must be three whole numbers N, H, W"
        if headers["masks_shape"].shape != (3,) or headers["masks_shape"].dtype.kind not in "iu":
            raise MaskError(f"{fault}; make the file again")
        arrays, _ = read_arrays(self.path, ["masks_shape"], "masks", MaskError)
        count, height, width = map(int, arrays["masks_shape"])
        if min(count, height - 1, width - 1) < 0:
            raise MaskError(f"{fault} of at least 0, 1 and 1; make the file again")
        check_masks((count, height, width), f"'{self.path}'")
        packed, expected = headers["masks_packed"], (count, -(-height * width // 8))
        if packed.dtype != np.uint8 or packed.shape != expected:
            raise MaskError(
                f"masks_packed of '{self.path}' is {packed.dtype} {packed.shape}; masks_shape "
                f"{(count, height, width)} needs uint8 {expected}; make the file again"
            )
        return count, height, width


def _open(path: Path, stem: str | None) -> _Source:
    if is_folder(path):
        return _Png(path, read_folder(path, stem))
    check_file(path, "masks", MaskError)
    if path.suffix.lower() == ".npz":
        return _Npz(path)
    if path.suffix.lower() == ".png":
        return _Png(path, read_png(path))
    if path.suffix.lower() == ".json":
        return CocoMasks(path, stem)
    raise MaskError(
        f"masks '{path}' are of an unknown kind; give a PNG file or a folder of them, .npz or .json"
    )


def _inside(path: Path, masks: Array) -> BoolArray:
    """Where numbers are above zero; arrays of one byte per number are overwritten."""
    whole = masks.dtype.kind in "biu"
    if not whole and not (masks.dtype.kind == "f" and ((masks == 0) | (masks == 1)).all()):
        raise MaskError(
            f"masks of '{path}' are {masks.dtype} with values other than 0 and 1; threshold them"
        )
    out = masks.view(np.bool_) if masks.dtype.itemsize == 1 else np.empty(masks.shape, np.bool_)
    return np.greater(masks, 0, out=out)


def _check_size(path: Path, shape: tuple[int, ...], height: int, width: int) -> None:
    if shape[0] and shape[1:] != (height, width):
        raise MaskError(
            f"masks of '{path}' are {shape[2]}x{shape[1]} pixels, but the image is "
            f"{width}x{height} (width x height); give masks of the image's size"
        )
