"""Reading a weights file without running anything in it, and putting it into a model."""

from __future__ import annotations

import pickle
import warnings
import zipfile
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from refmask.errors import WeightsError
from refmask.ops.reading import BROKEN, check_file, in_short
from refmask.weights.names import OPENAI, is_surplus, plain_names, unwrapped
from refmask.weights.torchscript import is_torchscript, read_torchscript

#: Bytes that an archive may unpack to beyond its own: the program in a TorchScript archive is
#: compressed, tensors are not.
SLACK = 64 * 2**20
#: How often tensors of a file may share what it stores, on average.
SHARED = 4


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """What a weights file holds.

    Attributes:
        tensors: by parameter name, without what training programs put before it.
        marks: of its origin: names of ``names.OPENAI`` that it has, and of a TorchScript archive
            the classes of its modules.
    """

    tensors: dict[str, Tensor]
    marks: frozenset[str]


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a weights file by parameter name; see ``read_checkpoint``."""
    return read_checkpoint(path).tensors


def read_checkpoint(path: Path) -> Checkpoint:
    """What a file of safetensors, or one that torch wrote, holds, whatever its name ends with.

    OpenAI's released ``.pt`` files are TorchScript archives; only their tensors are read. A
    training checkpoint's ``model_state_dict``, ``state_dict`` or ``model`` is looked through, and
    prefixes such as ``module.`` are taken off.

    Raises:
        WeightsError: when the file is missing, damaged, of another kind, or holds more than
            plain tensors.
    """
    check_file(path, "weights", WeightsError, "weights")
    try:
        loaded, classes = _loaded(path)
    except (SafetensorError, *BROKEN) as error:
        raise WeightsError(
            f"{path} is damaged or no weights file ({in_short(error)}); fetch it again"
        ) from None
    except pickle.UnpicklingError:
        raise WeightsError(
            f"{path} holds more than tensors, or is no weights file; only plain tensors are read, "
            "save its state_dict as .safetensors"
        ) from None
    return _checkpoint(loaded, classes, path)


def _loaded(path: Path) -> tuple[object, frozenset[str]]:
    """What is in a file, and the classes of modules that it names."""
    if _is_safetensors(path):
        return load_file(path), frozenset()
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            claimed = sum(entry.file_size for entry in archive.infolist())
        if claimed > path.stat().st_size + SLACK:
            raise zipfile.BadZipFile(
                f"it claims to unpack to {claimed} bytes, more than it can hold"
            )
        if is_torchscript(path):
            return read_torchscript(path)
    with warnings.catch_warnings():
        # On the pickle's protocol: it is read or refused, whatever its number.
        warnings.simplefilter("ignore", UserWarning)
        return torch.load(path, map_location="cpu", weights_only=True), frozenset()


def _is_safetensors(path: Path) -> bool:
    """Whether a file begins as safetensors do: with the length of an object of JSON."""
    with path.open("rb") as file:
        return file.read(9)[8:] == b"{" or path.suffix.lower() == ".safetensors"


def _checkpoint(loaded: object, classes: frozenset[str], path: Path) -> Checkpoint:
    loaded = unwrapped(loaded)
    if not isinstance(loaded, dict) or not loaded:
        raise WeightsError(
            f"expected named tensors in {path}, got {type(loaded).__name__}; choose another file"
        )
    names = plain_names(map(str, loaded))
    marks = OPENAI & set(names.values())
    tensors = {names[str(name)]: value for name, value in loaded.items()}
    tensors = {name: value for name, value in tensors.items() if name not in OPENAI}
    wrong = [name for name, value in tensors.items() if not isinstance(value, Tensor)]
    if wrong:
        raise WeightsError(
            f"expected only tensors in {path}, {', '.join(wrong[:3])} are none; leave them out"
        )
    for name, value in tensors.items():
        _check_plain(name, value, path)
    size = sum(value.numel() * value.element_size() for value in tensors.values())
    if size > SHARED * path.stat().st_size + SLACK:
        raise WeightsError(
            f"tensors in {path} are views that take {size} bytes once they are copied, far more "
            "than it stores; save them by contiguous()"
        )
    return Checkpoint(tensors, classes | marks)


def _check_plain(name: str, value: Tensor, path: Path) -> None:
    """Refuse a tensor that no model has."""
    fault = next(
        (
            fault
            for fault, found in {
                "quantised": value.is_quantized,
                "sparse": value.layout != torch.strided,
                "without values": value.is_meta,
                "complex": value.is_complex(),
            }.items()
            if found
        ),
        None,
    )
    if fault is not None:
        raise WeightsError(
            f"parameter {name} in {path} is {fault}; save plain tensors of floating-point numbers"
        )


def fill(
    model: nn.Module, weights: dict[str, Tensor], source: str, *, assign: bool = False
) -> None:
    """Load weights strictly: the same names and shapes, all values finite.

    Constants that the file has and the model computes itself are left out; see ``names.SURPLUS``.

    Args:
        model: to be filled.
        weights: by parameter name.
        source: what to call them in an error.
        assign: the tensors themselves become the model's, of whatever type they are, without a
            copy; for a model built on the device "meta".

    Raises:
        WeightsError: naming the first few differences.
    """
    wanted = model.state_dict()
    weights = {
        name: value for name, value in weights.items() if name in wanted or not is_surplus(name)
    }
    for name, value in weights.items():
        if name in wanted and value.numel() == wanted[name].numel() == 1:
            weights[name] = value.reshape(wanted[name].shape)
    missing = sorted(wanted.keys() - weights.keys())
    foreign = sorted(weights.keys() - wanted.keys())
    shapes = [
        f"{name} {tuple(weights[name].shape)} for {tuple(wanted[name].shape)}"
        for name in sorted(wanted.keys() & weights.keys())
        if weights[name].shape != wanted[name].shape
    ]
    if missing or foreign or shapes:
        faults = [f"{len(missing)} missing (such as {missing[0]})"] if missing else []
        faults += [f"{len(foreign)} of another model (such as {foreign[0]})"] if foreign else []
        faults += [f"{len(shapes)} of another shape (such as {shapes[0]})"] if shapes else []
        raise WeightsError(
            f"weights {source} do not fit the model: {'; '.join(faults)}; "
            "choose the model they were made for"
        )
    whole = [
        name
        for name, value in weights.items()
        if wanted[name].is_floating_point() and not value.is_floating_point()
    ]
    if whole:
        kind = str(weights[whole[0]].dtype).removeprefix("torch.")
        raise WeightsError(
            f"parameter {whole[0]} of {source} is {kind}, not float; save it as float32"
        )
    broken = [name for name, value in weights.items() if not _finite(value)]
    if broken:
        raise WeightsError(
            f"weights {source} hold NaN or infinity in {broken[0]} and {len(broken) - 1} other "
            "parameters; fetch them again"
        )
    model.load_state_dict(weights, assign=assign)


def _finite(values: Tensor) -> bool:
    # A finite sum has finite terms, and summing takes a fifteenth of the time of judging each.
    return bool(values.sum().isfinite() or values.isfinite().all())
