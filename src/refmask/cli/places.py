"""Where commands write to, tried before they work for minutes."""

from __future__ import annotations

import argparse
from pathlib import Path

from refmask.ops.files import check_writable

#: Options that name a file or a folder that is written.
WRITTEN = ("out", "sheet", "draw")


def check_places(args: argparse.Namespace) -> None:
    """Find out whether what a command was told to write can be written; nothing is made.

    Raises:
        ConfigurationError: when it cannot.
    """
    for name in WRITTEN:
        place = getattr(args, name, None)
        if place is None or isinstance(place, bool) or "://" in str(place):
            continue  # not told, or not on this machine
        path = Path(str(place).partition("{")[0] or ".")  # the rest stands for pictures' names
        check_writable(path.parent if path.is_file() else path)
