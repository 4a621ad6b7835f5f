"""Where commands write to and what they read, tried before a model is loaded."""

from __future__ import annotations

import argparse
from pathlib import Path

from refmask.errors import MaskError
from refmask.ops.files import check_writable
from refmask.ops.reading import check_file, is_folder
from refmask.text.words import checked_expression

#: Options that name a file or a folder that is written.
WRITTEN = ("out", "sheet", "draw")
#: How proposals are named that are read from a file or a folder.
GIVEN = "masks:"


def check_places(args: argparse.Namespace) -> None:
    """Find out whether a command can write and read what it was told to; nothing is made.

    Raises:
        ConfigurationError: when it cannot write.
        InputError: when masks, or what is asked, cannot be read.
    """
    asked = getattr(args, "expressions", None)
    for text in asked if isinstance(asked, list) else ():  # else a file of them
        checked_expression(text)
    specs = getattr(args, "proposals", None) or ()
    for spec in [specs] if isinstance(specs, str) else specs:
        path = spec.removeprefix(GIVEN)
        if spec.startswith(GIVEN) and "{" not in path:
            _check_given(Path(path))
    for name in WRITTEN:
        place = getattr(args, name, None)
        if place is None or isinstance(place, bool) or "://" in str(place):
            continue  # not told, or not on this machine
        path = Path(str(place).partition("{")[0] or ".")  # the rest stands for images' names
        check_writable(path.parent if path.is_file() else path)


def _check_given(path: Path) -> None:
    if is_folder(path):
        return
    check_file(path, "masks", MaskError)
    if path.suffix.lower() == ".npz":
        from refmask.proposals.given import GivenMasks

        GivenMasks(path)  # reads headers alone
