"""Unexpected errors as one line without a traceback; output that any terminal can print."""

from __future__ import annotations

import codecs
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from refmask.errors import InputError, RefmaskError, is_panic

#: "off": unexpected errors are raised unchanged, for tests; "debug": print their traceback.
VARIABLE = "REFMASK_NET"
OFF, DEBUG = "off", "debug"
#: Name of the error handler for text that a stream cannot encode.
ESCAPED = "refmask-escaped"


class UnexpectedError(InputError):
    """An error that refmask did not raise on purpose."""


@contextmanager
def one_line(subject: object) -> Iterator[None]:
    """Turn unexpected errors into one of refmask's.

    Args:
        subject: of the work, such as a file; begins the message.

    Raises:
        UnexpectedError: in place of any error that is not refmask's own.
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
        raise UnexpectedError(f"{subject}: {_description(error)}") from error


def escape_unprintable() -> None:
    """Print what a stream cannot encode as ``\\uXXXX``, which is valid in JSON, too."""
    codecs.register_error(ESCAPED, _escaped)
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors=ESCAPED)


def _description(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        name = f" {str(error.filename)[:200]}" if error.filename is not None else ""
        return f"cannot use{name} ({error.strerror}); check the path and its permissions"
    if isinstance(error, MemoryError):
        return "not enough memory; use smaller input, or free memory"
    text = " ".join(str(error).split())[:200]
    return (
        f"unexpected {type(error).__name__}{': ' if text else ''}{text}; please report it with the "
        "output of --debug"
    )


def _escaped(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    units = text.encode("utf-16-be", "surrogatepass")
    pairs = zip(units[::2], units[1::2], strict=True)
    return "".join(f"\\u{high:02x}{low:02x}" for high, low in pairs), error.end
