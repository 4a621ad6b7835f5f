"""Where and how precisely a network computes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from threading import Lock

import torch

from refmask.errors import ConfigurationError
from refmask.ops.processes import use_here

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}


def choose_device(name: str) -> torch.device:
    """The device called ``name``: "auto" (CUDA where there is one), or any torch device.

    Raises:
        ConfigurationError: when it is not here, or the process was forked from one that had
            loaded a model.
    """
    use_here()
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError):
        raise ConfigurationError(
            f"expected a device that is here, such as 'auto' or 'cpu', got {name!r}"
        ) from None
    return device


def choose_precision(name: str, device: torch.device) -> torch.dtype:
    """The type called "fp32", "bf16", or "auto" (bf16 where the device multiplies it natively).

    Raises:
        ConfigurationError: for any other name.
    """
    if name == "auto":
        return torch.bfloat16 if _fast_bf16(device) else torch.float32
    if name not in PRECISIONS:
        raise ConfigurationError(f"expected precision auto, fp32 or bf16, got {name!r}")
    return PRECISIONS[name]


def precision_name(precision: torch.dtype) -> str:
    """The name of a type that ``choose_precision`` gave."""
    return next(name for name, dtype in PRECISIONS.items() if dtype == precision)


class _Tf32:
    """torch's leave to round what convolutions read, withdrawn while any thread needs it so."""

    def __init__(self) -> None:
        self._lock, self._within, self._allowed = Lock(), 0, False

    @contextmanager
    def withdrawn(self) -> Iterator[None]:
        """The first to come in withdraws it, the last to leave gives it back."""
        with self._lock:
            if self._within == 0:
                self._allowed = _tf32_allowed()
                self._allow(False)
            self._within += 1
        try:
            yield
        finally:
            with self._lock:
                self._within -= 1
                if self._within == 0:
                    self._allow(True)

    def _allow(self, value: bool) -> None:
        if self._allowed:  # else there is nothing to withdraw
            torch.backends.cudnn.allow_tf32 = value


_TF32 = _Tf32()


def exact_convolutions(precision: torch.dtype) -> AbstractContextManager[None]:
    """Within it, a network in float32 has its convolutions computed in float32 on any device.

    By default torch lets a graphics card round their inputs to TF32, eleven significant bits. That
    is a setting of the whole process; threads may share this. For a lower precision nothing is
    changed.

    Args:
        precision: of the network.
    """
    return _TF32.withdrawn() if precision == torch.float32 else nullcontext()


def _tf32_allowed() -> bool:
    try:
        return bool(torch.backends.cudnn.allow_tf32)
    except RuntimeError:  # somebody has set it for convolutions alone, and is to have it so
        return False


def _fast_bf16(device: torch.device) -> bool:
    if device.type == "cuda":
        with torch.cuda.device(device):
            return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    # The library that multiplies uses AMX, too, only where AVX-512 has bf16. Older releases of
    # torch cannot tell.
    capabilities: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return device.type == "cpu" and bool(capabilities.get("avx512_bf16", False))
