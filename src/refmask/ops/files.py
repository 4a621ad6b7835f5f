"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from refmask.errors import ConfigurationError


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that no reader, and no kill, ever meets half of it.

    Args:
        path: where; missing folders are made.
        content: all of it.

    Raises:
        ConfigurationError: when it cannot be written there.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:40]}.")
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        # mkstemp makes files for the owner alone; give them what open() would have given.
        mask = os.umask(0)
        os.umask(mask)
        Path(temporary).chmod(0o666 & ~mask)
        Path(temporary).replace(path)
    except OSError as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        raise ConfigurationError(
            f"cannot write {path}: {error.strerror}; choose another place"
        ) from None
