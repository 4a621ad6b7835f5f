"""Device and precision of networks."""

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
        ConfigurationError: when it is not available, or the process was forked from one that had
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
            f"the device {name!r} is not available; use 'auto' or 'cpu'"
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
        raise ConfigurationError(f"precision is auto, fp32 or bf16, not {name!r}")
    return PRECISIONS[name]


def precision_name(precision: torch.dtype) -> str:
    """The name of a type from ``choose_precision``."""
    return next(name for name, dtype in PRECISIONS.items() if dtype == precision)


class _Tf32:
    """Disables TF32 in convolutions, a setting of the whole process, while any thread needs it."""

    def __init__(self) -> None:
        self._lock, self._threads, self._was_allowed = Lock(), 0, False

    @contextmanager
    def disabled(self) -> Iterator[None]:
        """The first thread to enter disables TF32, the last to leave restores it."""
        with self._lock:
            if self._threads == 0:
                self._was_allowed = _tf32_allowed()
                self._restore(False)
            self._threads += 1
        try:
            yield
        finally:
            with self._lock:
                self._threads -= 1
                if self._threads == 0:
                    self._restore(True)

    def _restore(self, allowed: bool) -> None:
        if self._was_allowed:
            torch.backends.cudnn.allow_tf32 = allowed


_TF32 = _Tf32()


def exact_convolutions(precision: torch.dtype) -> AbstractContextManager[None]:
    """A context in which float32 convolutions are computed in float32 on any device.

    By default torch lets a GPU round their inputs to TF32, eleven significant bits. Threads may
    share the context. For a lower precision it does nothing.

    Args:
        precision: of the network.
    """
    return _TF32.disabled() if precision == torch.float32 else nullcontext()


def _tf32_allowed() -> bool:
    try:
        return bool(torch.backends.cudnn.allow_tf32)
    except RuntimeError:  # the user has set it for convolutions alone; leave it
        return False


def _fast_bf16(device: torch.device) -> bool:
    if device.type == "cuda":
        with torch.cuda.device(device):
            return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    # oneDNN needs AVX-512 with bf16, for AMX, too. Older releases of torch do not report it.
    capabilities: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return device.type == "cpu" and bool(capabilities.get("avx512_bf16", False))
