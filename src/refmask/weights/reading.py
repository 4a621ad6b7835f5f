"""Reading a weights file without running anything in it, and putting it into a model."""

from __future__ import annotations

import pickle
import warnings
import zipfile
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from refmask.errors import WeightsError
from refmask.ops.reading import BROKEN, check_file, in_short
from refmask.weights.torchscript import is_torchscript, read_torchscript

#: Entries of published checkpoints that are no parameters of open_clip's model.
NOT_PARAMETERS = {
    "input_resolution",
    "context_length",
    "vocab_size",
    "attn_mask",
    "text.transformer.embeddings.position_ids",
}

#: Bytes that an archive may unpack to beyond its own: the program in a TorchScript archive is
#: compressed, tensors are not.
SLACK = 64 * 2**20


def read_weights(path: Path) -> dict[str, Tensor]:
    """Tensors of a ``.safetensors``, ``.pt``, ``.pth`` or ``.bin`` file by parameter name.

    OpenAI's released ``.pt`` files are TorchScript archives; only their tensors are read.
    A training checkpoint's ``state_dict`` or ``model`` and a ``module.`` prefix are looked through.

    Raises:
        WeightsError: when the file is missing, damaged, of another kind, or holds more than
            plain tensors.
    """
    check_file(path, "weights", WeightsError, "weights")
    try:
        if path.suffix == ".safetensors":
            loaded: object = load_file(path)
        elif path.suffix not in (".pt", ".pth", ".bin"):
            raise WeightsError(
                f"expected a .safetensors, .pt, .pth or .bin file of weights, got {path.name}"
            )
        else:
            loaded = _unpickled(path)
    except (SafetensorError, *BROKEN) as error:
        raise WeightsError(f"{path} is damaged or no weights file: {in_short(error)}") from None
    except pickle.UnpicklingError:
        raise WeightsError(
            f"{path} holds more than tensors, or is no weights file; only plain tensors are read, "
            "save its state_dict as .safetensors"
        ) from None
    return _state_dict(loaded, path)


def _unpickled(path: Path) -> object:
    """What torch saved: an archive, a TorchScript archive, or its format of old."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            told = sum(entry.file_size for entry in archive.infolist())
        if told > path.stat().st_size + SLACK:
            raise zipfile.BadZipFile(f"it claims to unpack to {told} bytes, more than it can hold")
        if is_torchscript(path):
            return read_torchscript(path)
    with warnings.catch_warnings():
        # On the pickle's protocol: it is read or refused, whatever its number.
        warnings.simplefilter("ignore", UserWarning)
        return torch.load(path, map_location="cpu", weights_only=True)


def _state_dict(loaded: object, path: Path) -> dict[str, Tensor]:
    for wrapping in ("state_dict", "model"):
        if isinstance(loaded, dict) and isinstance(loaded.get(wrapping), dict):
            loaded = loaded[wrapping]
    if not isinstance(loaded, dict) or not loaded:
        raise WeightsError(f"expected named tensors in {path}, got {type(loaded).__name__}")
    wrong = [str(name) for name, value in loaded.items() if not isinstance(value, Tensor)]
    if wrong and not set(wrong) <= NOT_PARAMETERS:
        raise WeightsError(f"expected only tensors in {path}, {', '.join(wrong[:3])} are none")
    names = {str(name).removeprefix("module."): value for name, value in loaded.items()}
    return {name: value for name, value in names.items() if name not in NOT_PARAMETERS}


def fill(
    model: nn.Module, weights: dict[str, Tensor], source: str, *, assign: bool = False
) -> None:
    """Load weights strictly: the same names and shapes, all values finite.

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
