"""The tensors of a TorchScript archive, read as data.

OpenAI published CLIP's weights as TorchScript archives. Loading one the ordinary way compiles
the program stored in it. Here its pickle is read by an unpickler that knows tensors and inert
objects only; the program is never looked at.
"""

from __future__ import annotations

import math
import pickle
import zipfile
from collections import OrderedDict
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from refmask.ops.pickles import check_pickle

#: Storage classes that may be named in an archive.
DTYPES = {
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "DoubleStorage": torch.float64,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}


class _Inert:
    """Stands for any scripted object: its attributes and nothing else."""

    def __init__(self, *_: object) -> None:
        self.attributes: dict[str, Any] = {}

    def __setstate__(self, state: object) -> None:
        self.attributes = state if isinstance(state, dict) else {}


def is_torchscript(path: Path) -> bool:
    """Whether a file is a TorchScript archive (a zip with a table of constants)."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("/constants.pkl") for name in archive.namelist())


def read_torchscript(path: Path) -> tuple[dict[str, Tensor], frozenset[str]]:
    """Parameters and buffers of a TorchScript archive by their dotted names, and its classes.

    The classes are those of the scripted objects, such as "QuickGELU", without their modules.

    Raises:
        pickle.UnpicklingError: when the archive names anything but tensors and scripted objects.
        zipfile.BadZipFile, RuntimeError: when it is damaged.
    """
    with zipfile.ZipFile(path) as archive:
        entry = next((name for name in archive.namelist() if name.endswith("/data.pkl")), None)
        if entry is None:
            raise pickle.UnpicklingError("no data.pkl in the archive")
        content = archive.read(entry)
        check_pickle(content)
        unpickler = _TensorUnpickler(BytesIO(content), archive, entry.removesuffix(".pkl"))
        root = unpickler.load()
    return dict(_tensors(root, "", set())), frozenset(unpickler.classes)


def _tensors(value: object, name: str, visited: set[int]) -> list[tuple[str, Tensor]]:
    if isinstance(value, Tensor):
        return [(name, value)]
    # An object that stands in many others, and they in many, would take forever.
    if not isinstance(value, _Inert) or id(value) in visited:
        return []
    visited.add(id(value))
    return [
        found
        for key, part in value.attributes.items()
        for found in _tensors(part, f"{name}.{key}" if name else str(key), visited)
    ]


class _TensorUnpickler(pickle.Unpickler):
    def __init__(self, file: Any, archive: zipfile.ZipFile, folder: str) -> None:
        super().__init__(file)
        self._archive = archive
        self._folder = folder
        self.classes: set[str] = set()

    def find_class(self, module: str, name: str) -> Any:
        if module.startswith("__torch__"):
            self.classes.add(name)
            return _Inert
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuild
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if module == "torch" and name in DTYPES:
            return DTYPES[name]
        if module == "torch.jit._pickle":
            return lambda value, *_: value
        raise pickle.UnpicklingError(f"{module}.{name} is no tensor")

    def persistent_load(self, reference: Any) -> Tensor:
        if not isinstance(reference, tuple) or len(reference) < 3 or reference[0] != "storage":
            raise pickle.UnpicklingError("an entry of the archive is no storage")
        _, dtype, key = reference[:3]
        content = bytearray(self._archive.read(f"{self._folder}/{key}"))
        if not content:
            return torch.empty(0, dtype=dtype)
        return torch.frombuffer(content, dtype=dtype)


def _rebuild(
    storage: Tensor, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: object
) -> Tensor:
    if math.prod(size) > storage.numel():
        raise pickle.UnpicklingError("a tensor that is larger than its storage")
    return storage.as_strided(size, stride, offset)
