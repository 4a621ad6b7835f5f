"""Show the current step on the terminal's last line, and clear it at the end."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

#: Return to the start of the line and clear it.
CLEAR = "\r\x1b[K"


def say(step: str) -> None:
    """Replace the shown step; does nothing unless standard error is a terminal."""
    if sys.stderr.isatty():
        print(f"{CLEAR}refmask: {step} ...", end="", file=sys.stderr, flush=True)


@contextmanager
def steps(first: str) -> Iterator[None]:
    """Show a step now; clear the line at the end."""
    say(first)
    try:
        yield
    finally:
        if sys.stderr.isatty():
            print(CLEAR, end="", file=sys.stderr, flush=True)
