"""Libraries imported without what refmask has no use for: a command starts in half the time.

open_clip imports timm, for towers that refmask refuses, and torchvision; both import all of torch's
compiler to ask it for one name. spaCy imports its own command line, with clients for the web, for
the sake of one function. And Python looks for rubbish among the hundred thousands of objects that
imports make, again and again. A library must not do any of this to the program that it is part
of, so only the command does.
"""

from __future__ import annotations

import gc
import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

OPEN_CLIP, COMPILER, TIMM = "open_clip", "torch._dynamo", "timm"
SPACY, COMMANDS = "spacy", "spacy.cli"
#: Objects that are made before Python looks for rubbish among the newest; it begins with 700.
MANY = 100_000


def import_less() -> None:
    """Have the first imports of open_clip and spaCy leave out the above; it can come later."""
    for name, stand_ins in ((OPEN_CLIP, _for_open_clip), (SPACY, _for_spacy)):
        waiting = any(isinstance(one, _Finder) and one.name == name for one in sys.meta_path)
        if name not in sys.modules and not waiting:
            sys.meta_path.insert(0, _Finder(name, stand_ins))


def collect_less() -> None:
    """Look for rubbish less often."""
    gc.set_threshold(MANY, *gc.get_threshold()[1:])


class _Finder(MetaPathFinder):
    """Finds one library, once, as everybody else would."""

    def __init__(self, name: str, stand_ins: Callable[[], AbstractContextManager[None]]) -> None:
        self.name = name
        self._stand_ins = stand_ins

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        del path, target
        if fullname != self.name:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader, self._stand_ins)
        return spec


class _Loader(Loader):
    """Loads it with stand-ins; if that does not work, without."""

    def __init__(self, real: Loader, stand_ins: Callable[[], AbstractContextManager[None]]) -> None:
        self._real = real
        self._stand_ins = stand_ins

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._real.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = self._real
        if module.__spec__ is not None:
            module.__spec__.loader = self._real
        before = set(sys.modules)
        try:
            with self._stand_ins():
                self._real.exec_module(module)
        except (ImportError, AttributeError):
            for name in set(sys.modules) - before:
                if name.partition(".")[0] in (module.__name__, "torchvision"):
                    del sys.modules[name]
            self._real.exec_module(module)


@contextmanager
def _for_open_clip() -> Iterator[None]:
    """No timm, and a compiler that is not needed."""
    # What these import themselves is no stand-in; transformers, which open_clip imports where it is
    # installed, also remembers what else is.
    for name in ("torch", "transformers"):
        with suppress(ImportError):
            importlib.import_module(name)
    compiler, utils = ModuleType(COMPILER), ModuleType(f"{COMPILER}.utils")
    compiler.__path__ = []
    vars(compiler)["utils"] = utils
    vars(utils)["is_compile_supported"] = _is_compile_supported
    with _standing_in({TIMM: None, COMPILER: compiler, utils.__name__: utils}):
        yield


@contextmanager
def _for_spacy() -> Iterator[None]:
    """No command line."""
    commands, info = ModuleType(COMMANDS), ModuleType(f"{COMMANDS}.info")
    commands.__path__ = []
    vars(info)["info"] = _info
    with _standing_in({COMMANDS: commands, info.__name__: info}):
        yield


@contextmanager
def _standing_in(made: dict[str, Any]) -> Iterator[None]:
    """These in place of modules that are not there yet."""
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


def _info(*args: Any, **options: Any) -> Any:
    """What spaCy takes from its command line, taken when it is needed."""
    return importlib.import_module(f"{COMMANDS}.info").info(*args, **options)
