"""Plain data out of a pickle, without letting it run anything.

REFER publishes its refs as pickles of Python 2: lists and dictionaries of numbers and texts. They
are read by an unpickler that can build nothing else, because it knows no class and no function.
"""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any, NoReturn

from refmask.errors import InputError
from refmask.ops.pickles import check_pickle
from refmask.ops.reading import BROKEN, in_short


def loads_plain(content: bytes, path: Path) -> Any:
    """The plain data in a pickle: containers, numbers, texts, bytes, booleans and None.

    Texts of Python 2 (``str``) are read as Latin-1.

    Args:
        content: the pickle.
        path: where it comes from, for messages.

    Raises:
        InputError: when it is damaged or names a class or a function; none is looked up.
    """
    try:
        check_pickle(content)
        return _PlainUnpickler(io.BytesIO(content), encoding="latin1").load()
    except (pickle.UnpicklingError, *BROKEN) as error:
        raise InputError(
            f"expected a pickle of plain lists, dictionaries, numbers and texts in {path}, got "
            f"{in_short(error)}; fetch the original file again, or convert it to JSON"
        ) from None


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> NoReturn:
        raise pickle.UnpicklingError(f"{module}.{name}, which is no plain data")
