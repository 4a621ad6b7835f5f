"""Pickles that run something where an ordinary unpickler reads them.

Each would make a file, the canary, which must never be there. They are put together by hand, so
that every operation that can call something is among them.
"""

from __future__ import annotations

import copyreg
import io
import pickle
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

#: Numbers in copyreg's table of extensions that are ours.
EXTENSION = 0xE7

Call = tuple[str, str, tuple[object, ...]]


def calls(canary: Path) -> list[Call]:
    """Functions, with arguments by which they make the canary."""
    path = str(canary)
    shell = f"echo > {path}"
    program = f"open({path!r}, 'w')"
    run = f"__import__('os').system({shell!r})"
    return [
        *((module, "system", (shell,)) for module in ("os", "posix", "nt")),
        *((module, "popen", (shell,)) for module in ("os", "platform")),
        *(("subprocess", name, (["touch", path],)) for name in ("Popen", "call", "check_output")),
        ("subprocess", "getoutput", (shell,)),
        *((module, "eval", (run,)) for module in ("builtins", "__builtin__")),
        *((module, "exec", (run,)) for module in ("builtins", "__builtin__")),
        *((module, "open", (path, "w")) for module in ("builtins", "__builtin__", "io", "_io")),
        *((module, "open", (path, "w")) for module in ("codecs", "tokenize", "gzip", "bz2")),
        ("os", "mkdir", (path,)),
        ("posix", "mkdir", (path,)),
        ("os", "makedirs", (path,)),
        ("os", "mkfifo", (path,)),
        ("os", "execvp", ("touch", ["touch", path])),
        ("os", "spawnvp", (0, "touch", ["touch", path])),
        ("pty", "spawn", (["touch", path],)),
        ("runpy", "run_path", (path,)),
        ("runpy", "_run_code", (program, {})),
        ("timeit", "timeit", (program, "pass", 1)),
        ("cProfile", "run", (program,)),
        ("profile", "run", (program,)),
        ("pdb", "run", (program,)),
        ("bdb", "Bdb", ()),
        ("code", "interact", ()),
        ("importlib", "import_module", ("antigravity",)),
        ("builtins", "__import__", ("this",)),
        ("builtins", "getattr", (1, "__class__")),
        ("builtins", "compile", (program, "x", "exec")),
        ("operator", "methodcaller", ("system", shell)),
        ("operator", "attrgetter", ("system",)),
        ("functools", "partial", (run,)),
        ("functools", "reduce", (run, [1])),
        ("itertools", "starmap", (run, [[1]])),
        ("codecs", "encode", (program, "rot13")),
        ("_codecs", "encode", (program, "latin1")),
        ("pickle", "loads", (b"cos\nsystem\n(S'" + shell.encode() + b"'\ntR.",)),
        ("_pickle", "loads", (b"cos\nsystem\n(S'" + shell.encode() + b"'\ntR.",)),
        ("marshal", "loads", (b"N",)),
        ("types", "CodeType", ()),
        ("types", "FunctionType", ()),
        ("ctypes", "CDLL", ("libc.so.6",)),
        ("webbrowser", "open", (path,)),
        ("shutil", "copyfile", ("/etc/hostname", path)),
        ("pathlib", "Path", (path,)),
        ("pathlib", "Path.touch", (path,)),
        ("logging", "FileHandler", (path,)),
        ("sqlite3", "connect", (path,)),
        ("dbm", "open", (path, "c")),
        ("shelve", "open", (path,)),
        ("tempfile", "NamedTemporaryFile", ()),
        ("socket", "create_connection", (("127.0.0.1", 9),)),
        ("urllib.request", "urlopen", ("http://127.0.0.1:9",)),
        ("numpy", "load", (path,)),
        ("numpy", "save", (path, 1)),
        ("numpy", "memmap", (path, "uint8", "w+", 0, (1,))),
        ("numpy.testing", "runstring", (program, {})),
        ("torch", "load", (path,)),
        ("torch", "save", (1, path)),
        ("torch.hub", "load", ("a/b", "c")),
        ("torch.jit", "load", (path,)),
        ("torch.serialization", "load", (path,)),
        ("torch._dynamo.guards", "eval", (run,)),
        ("torch.utils.collect_env", "run", (shell,)),
        ("torch.storage", "_load_from_bytes", (b"",)),
        ("copyreg", "_reconstructor", ("a", "b", None)),
        ("collections", "namedtuple", ("a", "b")),
        ("refmask.ops.files", "write_whole", (path, b"x")),
        ("__main__", "x", ()),
        ("a\u00e9.b", "c.d", ()),
        ("", "", ()),
    ]


def gadgets(canary: Path) -> list[bytes]:
    """All calls in all ways, each wrapped in one of several ways in turn."""
    copyreg.clear_extension_cache()
    if ("os", "system") not in copyreg._extension_registry:  # type: ignore[attr-defined]
        copyreg.add_extension("os", "system", EXTENSION)
    made = [way(one) for one in calls(canary) for way in WAYS]
    made += list(_special(canary))
    return [WRAPS[number % len(WRAPS)](one) for number, one in enumerate(made)]


def value(of: object) -> bytes:
    """The operations that put a plain value onto the stack."""
    if isinstance(of, tuple):
        return b"(" + b"".join(map(value, of)) + b"t"
    if isinstance(of, list):
        return b"](" + b"".join(map(value, of)) + b"e"
    if isinstance(of, dict):
        return b"}"
    if isinstance(of, bytes):
        return b"B" + struct.pack("<I", len(of)) + of
    if of is None:
        return b"N"
    if isinstance(of, int):
        return b"J" + struct.pack("<i", of)
    text = str(of).encode()
    return b"X" + struct.pack("<I", len(text)) + text


def _named(call: Call) -> bytes:
    module, name, _ = call
    return f"c{module}\n{name}\n".encode()


def _stacked(call: Call) -> bytes:
    module, name, _ = call
    return value(module) + value(name) + b"\x93"


def _reduce(call: Call) -> bytes:
    return _named(call) + value(call[2]) + b"R"


def _stack_global(call: Call) -> bytes:
    return _stacked(call) + value(call[2]) + b"R"


def _inst(call: Call) -> bytes:
    module, name, given = call
    return b"(" + b"".join(map(value, given)) + f"i{module}\n{name}\n".encode()


def _obj(call: Call) -> bytes:
    return b"(" + _named(call) + b"".join(map(value, call[2])) + b"o"


def _newobj(call: Call) -> bytes:
    return _named(call) + value(call[2]) + b"\x81"


def _newobj_ex(call: Call) -> bytes:
    return _stacked(call) + value(call[2]) + b"}\x92"


def _memoised(call: Call) -> bytes:
    return _stacked(call) + b"\x940h\x00" + value(call[2]) + b"R"


def _nested(call: Call) -> bytes:
    """A call whose argument is the call."""
    return b"cbuiltins\nstr\n(" + _reduce(call) + b"tR"


def _built(call: Call) -> bytes:
    """An object that is harmless until its ``__setstate__`` is the function."""
    new = b"ccollections\nOrderedDict\n)R"
    return new + b"}" + value("__setstate__") + _named(call) + b"sb" + value(call[2]) + b"b"


def _persistent(call: Call) -> bytes:
    return value(("storage", *call[:2], "0", "cpu", 1)) + b"Q" + _reduce(call)


def _tensor(call: Call) -> bytes:
    """A tensor whose storage is the call's result."""
    given = b"(" + _reduce(call) + value(0) + value((1,)) + value((1,)) + b"\x89N" + b"t"
    return b"ctorch._utils\n_rebuild_tensor_v2\n" + given + b"R"


def _array(call: Call) -> bytes:
    """An array whose type is the call's result."""
    start = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n"
    return (
        start
        + value((0,))
        + value(b"b")
        + b"tR("
        + value(1)
        + value((1,))
        + _reduce(call)
        + b"\x89"
        + value(b"\0")
        + b"tb"
    )


WAYS: tuple[Callable[[Call], bytes], ...] = (
    *(_reduce, _stack_global, _inst, _obj, _newobj, _newobj_ex),
    *(_memoised, _nested, _built, _persistent, _tensor, _array),
)

WRAPS: tuple[Callable[[bytes], bytes], ...] = (
    lambda body: body + b".",
    lambda body: b"\x80\x02" + body + b".",
    lambda body: b"\x80\x02](" + body + b"e.",
    lambda body: b"\x80\x04}" + value("a") + body + b"s.",
    lambda body: b"\x80\x05\x95" + struct.pack("<Q", len(body) + 1) + body + b".",
    lambda body: b"\x80\x02}" + body + value(1) + b"s.",
    lambda body: b"\x80\x02" + body + b"0N.",
)


def _special(canary: Path) -> Iterator[bytes]:
    shell = f"echo > {canary}"
    for code in (
        b"\x82" + bytes([EXTENSION]),
        struct.pack("<BH", 0x83, EXTENSION),
        struct.pack("<Bi", 0x84, EXTENSION),
    ):
        yield code + value((shell,)) + b"R"
    yield from (
        b"]r\x00\x00\x00\x10",
        b"]p268435456\n",
        b"X\xff\xff\xff\x7fa",
        b"\x8e" + b"\xff" * 8,
    )
    yield b"(" * 50_000 + b"t" * 50_000
    yield b"]" + b"\x94h\x00a" * 3
    yield b"I" + b"9" * 5000 + b"\n"
    yield b"\x8b" + struct.pack("<i", 10_000) + b"\x7f" * 10_000
    yield b"Pos.system\n"
    yield b"S'" + b"\\x41" * 10 + b"\n"


def in_archive(pickled: bytes, *others: tuple[str, bytes]) -> bytes:
    """An archive as torch writes it, with this pickle as its data."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in (
            ("data.pkl", pickled),
            ("version", b"3\n"),
            ("data/0", bytes(8)),
            *others,
        ):
            archive.writestr(f"archive/{name}", content)
    return made.getvalue()


def in_arrays(pickled: bytes) -> bytes:
    """An ``.npz`` file whose array of objects is this pickle."""
    header = b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }"
    header += b" " * (64 - (len(header) + 11) % 64) + b"\n"
    npy = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + pickled
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("masks.npy", npy)
    return made.getvalue()


def in_legacy(pickled: bytes) -> bytes:
    """A file as torch wrote them before archives: magic, protocol, system, then the data."""
    start = [
        pickle.dumps(one, 2) for one in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})
    ]
    return b"".join(start) + pickled + pickle.dumps([], 2)
