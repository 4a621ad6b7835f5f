"""What a command does meanwhile, on a line of the terminal that goes again."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

#: Back to the line's beginning, and nothing on it.
CLEAR = "\r\x1b[K"


def say(step: str) -> None:
    """Show a step in the place of the one before; nothing where nobody looks."""
    if sys.stderr.isatty():
        print(f"{CLEAR}refmask: {step} ...", end="", file=sys.stderr, flush=True)


@contextmanager
def steps(first: str) -> Iterator[None]:
    """Show a step now, and no step any more at the end."""
    say(first)
    try:
        yield
    finally:
        if sys.stderr.isatty():
            print(CLEAR, end="", file=sys.stderr, flush=True)
