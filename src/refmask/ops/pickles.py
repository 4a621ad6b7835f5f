"""Pickles that an unpickler may safely be given: looked at before it allocates what they ask for.

An unpickler that knows no class runs nothing, but nine bytes can still have it make a table of
4 GB: they say that something is to be remembered as number 2^28.
"""

from __future__ import annotations

import pickle
import pickletools
import re

#: Bytes of each operation's argument, where that is fixed.
_FIXED = {
    ord(one.code): one.arg.n if one.arg else 0
    for one in pickletools.opcodes
    if one.arg is None or one.arg.n >= 0
}
_LINE = {ord(one.code) for one in pickletools.opcodes if one.arg and one.arg.n == -1}
#: Bytes of the length before an argument of any length.
_COUNTED = {
    ord(one.code): {-2: 1, -3: 4, -4: 4, -5: 8}[one.arg.n]
    for one in pickletools.opcodes
    if one.arg and one.arg.n < -1
}
_PUT, _LONG_PUT, _STOP = ord("p"), ord("r"), ord(".")
_TWO_LINES = frozenset(b"ci")


def check_pickle(content: bytes) -> None:
    """Refuse a pickle that asks for more than its own bytes can mean.

    Args:
        content: from anywhere.

    Raises:
        pickle.UnpicklingError: when an operation is unknown, is cut short, or remembers something
            under a number that is larger than the pickle.
    """
    at, end = 0, len(content)
    while True:
        found = _SIMPLE.match(content, at)
        at = found.end() if found else at
        if at >= end:
            raise pickle.UnpicklingError("pickle data was truncated")
        if content[at] == _STOP:
            return
        at = _after(content, at)


def _after(content: bytes, at: int) -> int:
    """Where the operation at a place ends, when it is no simple one."""
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
        told = content[at + 1 : stop - 1]
        if code == _PUT and told.isdigit():
            _check_number(int(told) if len(told) < 20 else len(content) + 1, content)
    else:
        raise pickle.UnpicklingError(f"no pickle has the operation {code}")
    if not at < stop <= len(content):
        raise pickle.UnpicklingError("pickle data was truncated")
    return stop


def _check_number(number: int, content: bytes) -> None:
    if number > len(content):
        raise pickle.UnpicklingError(f"it remembers something as number {number}")


def _simple() -> re.Pattern[bytes]:
    """Matches any number of operations that nothing is to be asked about."""
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
