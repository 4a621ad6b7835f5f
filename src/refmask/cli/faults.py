"""The last net of the command: what nobody foresaw ends as one line, not as a traceback."""

from __future__ import annotations

import codecs
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from refmask.errors import InputError, RefmaskError, is_panic

#: "off": faults show as they are, for the tests; "debug": their traceback is printed, too.
VARIABLE = "REFMASK_NET"
OFF, DEBUG = "off", "debug"
#: Name of the way in which text is printed that the terminal cannot print.
ESCAPED = "refmask-escaped"


class Unforeseen(InputError):
    """An error that refmask did not raise on purpose."""


@contextmanager
def net(what: object) -> Iterator[None]:
    """Turn errors that refmask did not foresee into one of its own.

    Args:
        what: it is about, such as a file; begins the message.

    Raises:
        Unforeseen: in place of any error but refmask's own.
    """
    try:
        yield
    except (RefmaskError, BrokenPipeError):
        raise
    except BaseException as error:
        if not isinstance(error, Exception) and not is_panic(error):
            raise
        state = os.environ.get(VARIABLE)
        if state == OFF:
            raise
        if state == DEBUG:
            traceback.print_exc()
        raise Unforeseen(f"{what}: {_told(error)}") from error


def print_anything() -> None:
    """Have what a stream cannot encode printed as ``\\uXXXX``, which JSON reads, too."""
    codecs.register_error(ESCAPED, _escaped)
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors=ESCAPED)


def _told(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        name = f" {str(error.filename)[:200]}" if error.filename is not None else ""
        return f"cannot use{name} ({error.strerror}); check the path and its permissions"
    if isinstance(error, MemoryError):
        return "it does not fit into memory; make it smaller, or free memory"
    told = " ".join(str(error).split())[:200]
    return (
        f"unforeseen {type(error).__name__}{': ' if told else ''}{told}; please report it, with "
        "what --debug prints"
    )


def _escaped(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    units = text.encode("utf-16-be", "surrogatepass")
    pairs = zip(units[::2], units[1::2], strict=True)
    return "".join(f"\\u{high:02x}{low:02x}" for high, low in pairs), error.end
