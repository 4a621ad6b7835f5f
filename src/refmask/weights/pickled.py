"""The arrays of a plain pickle, read as data.

The converters to Detectron2 (those of MoCo and DenseCL among them) write a backbone as a pickle of
``{"model": {name: numpy array}, "__author__": ..., "matching_heuristics": ...}``. It is read here
by an unpickler that knows two inert stand-ins, for arrays and for their types, and nothing else;
not even numpy's own unpickling code runs.
"""

from __future__ import annotations

import math
import pickle
from collections import OrderedDict
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from refmask.errors import WeightsError
from refmask.ops.pickles import check_pickle
from refmask.ops.reading import BROKEN, in_short, read_bytes

#: numpy's codes of the types that weights come in, in little-endian order.
DTYPES = {
    "f2": torch.float16,
    "f4": torch.float32,
    "f8": torch.float64,
    "i4": torch.int32,
    "i8": torch.int64,
    "u1": torch.uint8,
    "b1": torch.bool,
}


class _Type:
    """Stands for a ``numpy.dtype``: its code and byte order."""

    def __init__(self, code: str, *_: object) -> None:
        self.code, self.order = code, "<"

    def __setstate__(self, state: Any) -> None:
        self.order = state[1]


class _Array:
    """Stands for a ``numpy.ndarray``: shape, type, order of storage and bytes."""

    def __init__(self, *_: object) -> None:
        self.content: Tensor | None = None

    def __setstate__(self, state: Any) -> None:
        _, shape, kind, fortran, content = state
        self.content = _tensor(content, kind, shape, "F" if fortran else "C")


def read_pickled(path: Path) -> dict[str, Tensor]:
    """Arrays of a ``.pkl`` file by parameter name.

    Raises:
        WeightsError: when the file is missing, damaged, or holds anything but named arrays of
            numbers in plain containers; nothing in it is run.
    """
    content = read_bytes(path, "weights", WeightsError, "weights")
    try:
        check_pickle(content)
        loaded = _ArrayUnpickler(BytesIO(content)).load()
    except (pickle.UnpicklingError, *BROKEN) as error:
        raise WeightsError(
            f"{path} is damaged or holds more than named arrays ({in_short(error)}); "
            "save its parameters as .safetensors"
        ) from None
    named = loaded.get("model", loaded) if isinstance(loaded, dict) else None
    if not isinstance(named, dict) or not named:
        raise WeightsError(
            f"expected named arrays in {path}, got {type(loaded).__name__}; choose another file"
        )
    tensors = {
        str(name): array.content
        for name, array in named.items()
        if isinstance(array, _Array) and array.content is not None
    }
    wrong = [str(name) for name in named if str(name) not in tensors]
    if wrong:
        raise WeightsError(
            f"expected only arrays in {path}, {', '.join(wrong[:3])} are none; leave them out"
        )
    return tensors


class _ArrayUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        # numpy 2 renamed ``numpy.core``; files of both are about.
        known = module.replace("numpy._core.", "numpy.core.")
        if (known, name) == ("numpy.core.multiarray", "_reconstruct"):
            return _Array
        if (known, name) == ("numpy.core.numeric", "_frombuffer"):
            return _from_buffer
        if module == "numpy" and name in ("ndarray", "dtype"):
            return _Type
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        raise pickle.UnpicklingError(f"{module}.{name} is no array")


def _from_buffer(content: Any, kind: Any, shape: Any, order: Any) -> _Array:
    array = _Array()
    array.content = _tensor(content, kind, shape, order)
    return array


def _tensor(content: Any, kind: Any, shape: Any, order: str) -> Tensor:
    if not isinstance(kind, _Type) or kind.code not in DTYPES or kind.order not in "<|":
        raise pickle.UnpicklingError("an array of no plain little-endian numbers")
    sides = tuple(int(side) for side in shape)
    dtype = DTYPES[kind.code]
    if len(content) != math.prod(sides) * dtype.itemsize or min(sides, default=0) < 0:
        raise pickle.UnpicklingError("an array whose bytes do not fill its shape")
    if not content:
        return torch.empty(sides, dtype=dtype)
    flat = torch.frombuffer(bytearray(content), dtype=dtype)
    if order == "F":
        return flat.reshape(sides[::-1]).permute(*range(len(sides) - 1, -1, -1)).contiguous()
    return flat.reshape(sides)
