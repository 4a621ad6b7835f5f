"""Published weights that the user brought: ``refmask setup photos --from`` keeps copies of them."""

from __future__ import annotations

from pathlib import Path

import platformdirs

from refmask.weights.catalogue import Published


def folder() -> Path:
    """Where they are kept, in folders named as their repositories."""
    return platformdirs.user_data_path("refmask") / "weights"


def brought(model: Published) -> Path | None:
    """The weights file of a published model, if the user brought it."""
    path = folder() / model.repository / model.files[0]
    return path if path.is_file() else None
