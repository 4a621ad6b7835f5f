"""open_clip imported without what refmask has no use for: a command starts in half the time.

open_clip imports timm, for towers that refmask refuses, and torchvision; both import all of torch's
compiler to ask it for one name. A library must not do this to the program that it is part of, so
only the command does.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

NAME = "open_clip"
COMPILER, TIMM = "torch._dynamo", "timm"


def import_less() -> None:
    """Have open_clip's first import leave out timm and torch's compiler; both can come later."""
    if NAME not in sys.modules and not any(isinstance(one, _Finder) for one in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


class _Finder(MetaPathFinder):
    """Finds open_clip, once, as everybody else would."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        del path, target
        if fullname != NAME:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(NAME)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)
        return spec


class _Loader(Loader):
    """Loads it with stand-ins; if that does not work, without."""

    def __init__(self, real: Loader) -> None:
        self._real = real

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._real.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = self._real
        if module.__spec__ is not None:
            module.__spec__.loader = self._real
        before = set(sys.modules)
        try:
            with _stand_ins():
                self._real.exec_module(module)
        except (ImportError, AttributeError):
            for name in set(sys.modules) - before:
                if name.partition(".")[0] in (NAME, "torchvision"):
                    del sys.modules[name]
            self._real.exec_module(module)


@contextmanager
def _stand_ins() -> Iterator[None]:
    """In place of modules that are not there yet: no timm, and a compiler that is not needed."""
    # What these import themselves is no stand-in; transformers, which open_clip imports where it is
    # installed, also remembers what else is.
    for name in ("torch", "transformers"):
        with suppress(ImportError):
            importlib.import_module(name)
    compiler, utils = ModuleType(COMPILER), ModuleType(f"{COMPILER}.utils")
    compiler.__path__ = []
    vars(compiler)["utils"] = utils
    vars(utils)["is_compile_supported"] = _is_compile_supported
    made: dict[str, Any] = {TIMM: None, COMPILER: compiler, utils.__name__: utils}
    made = {name: module for name, module in made.items() if name not in sys.modules}
    sys.modules.update(made)
    try:
        yield
    finally:
        for name in made:
            del sys.modules[name]


def _is_compile_supported(device_type: Any) -> Any:
    """What torchvision asks torch's compiler for, asked when it is needed."""
    from torch._dynamo.utils import is_compile_supported

    return is_compile_supported(device_type)
