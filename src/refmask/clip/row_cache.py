"""Rows of features that were computed before."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Lock

import torch
from torch import Tensor

#: Bytes of rows and keys together: some 12,000 texts of a ViT-B/32.
LIMIT = 32 * 2**20

_apart: ContextVar[bool] = ContextVar("apart", default=False)


@contextmanager
def apart() -> Iterator[None]:
    """Within it, and in this thread alone, each call for rows computes its own.

    A row differs by rounding with the rows it is computed with. Where results must not depend on
    what was asked before, to the last bit, no call may take another's.
    """
    token = _apart.set(True)
    try:
        yield
    finally:
        _apart.reset(token)


class RowCache:
    """Rows by key, within a number of bytes: those not asked for the longest go first.

    Threads may share it. While one of them computes the others wait, so that no row is computed
    twice.

    Args:
        limit: bytes.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self.limit = limit
        self._rows: OrderedDict[bytes, Tensor] = OrderedDict()
        self._size = 0
        self._lock = Lock()

    def rows(self, keys: Sequence[bytes], compute: Callable[[list[int]], Tensor]) -> Tensor:
        """The rows of some keys, computed where they are not known.

        Args:
            keys: T of them, at least one.
            compute: gives rows (M, D) for M places of ``keys``, all different keys.

        Returns:
            (T, D), the caller's own.
        """
        if _apart.get():
            own = {key: place for place, key in enumerate(keys)}
            rows = dict(zip(own, compute([*own.values()]), strict=True))
            return torch.stack([rows[key] for key in keys])
        with self._lock:
            places = {key: place for place, key in enumerate(keys) if key not in self._rows}
            if places:
                for key, row in zip(places, compute([*places.values()]), strict=True):
                    self._add(key, row)
            found = torch.stack([self._rows[key] for key in keys])
            for key in keys:
                self._rows.move_to_end(key)
            while self._size > self.limit:
                self._size -= _bytes(*self._rows.popitem(last=False))
            return found

    def _add(self, key: bytes, row: Tensor) -> None:
        self._rows[key] = row.clone()  # a view would hold on to the rows it was computed with
        self._size += _bytes(key, row)


def _bytes(key: bytes, row: Tensor) -> int:
    return len(key) + row.nbytes
