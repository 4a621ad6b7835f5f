"""Checking pickles before they are loaded, so that they cannot exhaust memory.

An unpickler without classes runs no code, but nine bytes can still make it allocate 4 GB: an
operation that stores an object in its memo under number 2^28.
"""

from __future__ import annotations

import pickle
import pickletools
import re

#: Bytes of each operation's argument, where fixed.
_FIXED = {
    ord(operation.code): operation.arg.n if operation.arg else 0
    for operation in pickletools.opcodes
    if operation.arg is None or operation.arg.n >= 0
}
#: Operations whose argument is a line.
_LINE = {ord(o.code) for o in pickletools.opcodes if o.arg and o.arg.n == -1}
#: Bytes of the length that precedes an argument of variable length.
_COUNTED = {
    ord(operation.code): {-2: 1, -3: 4, -4: 4, -5: 8}[operation.arg.n]
    for operation in pickletools.opcodes
    if operation.arg and operation.arg.n < -1
}
_PUT, _LONG_PUT, _STOP = ord("p"), ord("r"), ord(".")
_TWO_LINES = frozenset(b"ci")


def check_pickle(content: bytes) -> None:
    """Refuse a pickle that would need a larger memo than its bytes can fill.

    Args:
        content: untrusted.

    Raises:
        pickle.UnpicklingError: when an operation is unknown or truncated, or stores an object under
            a number that is larger than the pickle.
    """
    at, end = 0, len(content)
    while True:
        match = _SIMPLE.match(content, at)
        at = match.end() if match else at
        if at >= end:
            raise pickle.UnpicklingError("pickle data was truncated")
        if content[at] == _STOP:
            return
        at = _after(content, at)


def _after(content: bytes, at: int) -> int:
    """The end of the operation at a position."""
    code = content[at]
    if code in _FIXED:
        stop = at + 1 + _FIXED[code]
        if code == _LONG_PUT:
            _check_number(int.from_bytes(content[at + 1 : stop], "little"), content)
    elif code in _COUNTED:
        start = at + 1 + _COUNTED[code]
        stop = start + int.from_bytes(content[at + 1 : start], "little")
    elif code in _LINE:
        stop = content.find(b"\n", at) + 1
        if code in _TWO_LINES and stop:
            stop = content.find(b"\n", stop) + 1
        digits = content[at + 1 : stop - 1]
        if code == _PUT and digits.isdigit():
            _check_number(int(digits) if len(digits) < 20 else len(content) + 1, content)
    else:
        raise pickle.UnpicklingError(f"no pickle has the operation {code}")
    if not at < stop <= len(content):
        raise pickle.UnpicklingError("pickle data was truncated")
    return stop


def _check_number(number: int, content: bytes) -> None:
    if number > len(content):
        raise pickle.UnpicklingError(f"it stores an object in the memo under number {number}")


def _simple() -> re.Pattern[bytes]:
    """Matches any number of operations with fixed arguments that need no check."""
    by_size: dict[int, list[int]] = {}
    for code, size in _FIXED.items():
        if code not in (_LONG_PUT, _STOP):
            by_size.setdefault(size, []).append(code)
    parts = [
        b"[" + b"".join(re.escape(bytes([code])) for code in codes) + b"]" + b"." * size
        for size, codes in by_size.items()
    ]
    return re.compile(b"(?:" + b"|".join(parts) + b")*+", re.DOTALL)


_SIMPLE = _simple()
