"""Weights that others have published and refmask can fetch by name."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """One published weights file.

    Attributes:
        purpose: what it does here, and how it is asked for.
        repository: ``ORG/REPO`` on the Hugging Face hub.
        filename: of the file in that repository.
        licence: as its publisher states it.
        restricted: the licence forbids something that Apache-2.0 allows; it is shown before the
            first download.
        size: bytes, where known.
        sha256: of the file, where known.
    """

    purpose: str
    repository: str
    filename: str
    licence: str
    restricted: bool = False
    size: int | None = None
    sha256: str | None = None


#: Published weights by the name that ``refmask models`` gives them.
CATALOGUE = {
    "freesolo": Published(
        purpose="mask proposals of the paper: --proposals freesolo",
        repository="xinlongwang/FreeSOLO",
        filename="FreeSOLO_R101_30k_pl.pth",
        licence="NVIDIA Source Code License-NC (non-commercial use only)",
        restricted=True,
    ),
}
