"""Filters of a search, as SQL conditions for LanceDB."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from refmask.errors import ConfigurationError


@dataclass(frozen=True)
class Filters:
    """Limits a search to some regions; the defaults allow all.

    Attributes:
        folder: only images in this folder or below it.
        min_area: smallest share of the image that a mask may cover, 0 to 1.
        max_area: largest share.
        since: only images taken on this day or later.
        until: only images taken on this day or earlier.

    Raises:
        ConfigurationError: for values out of range, naming all of them.
    """

    folder: str | os.PathLike[str] | None = None
    min_area: float = 0.0
    max_area: float = 1.0
    since: date | None = None
    until: date | None = None

    def __post_init__(self) -> None:
        faults = []
        if not 0 <= self.min_area <= self.max_area <= 1:
            faults.append(
                f"min_area ({self.min_area}) and max_area ({self.max_area}) must lie between 0 and "
                "1, the smaller one first"
            )
        if self.since and self.until and self.since > self.until:
            faults.append(f"since ({self.since}) must not be after until ({self.until})")
        if faults:
            raise ConfigurationError("; ".join(faults))

    def sql(self) -> str | None:
        """The condition on a row of ``regions``; None for all."""
        conditions = []
        if self.folder is not None:
            conditions.append(below(Path(self.folder).resolve()))
        if self.min_area > 0:
            conditions.append(f"share >= {self.min_area!r}")
        if self.max_area < 1:
            conditions.append(f"share <= {self.max_area!r}")
        if self.since is not None:
            conditions.append(f"date >= {_midnight(self.since)}")
        if self.until is not None:
            conditions.append(f"date < {_midnight(self.until + timedelta(days=1))}")
        return " AND ".join(conditions) or None


def among(column: str, texts: Iterable[str]) -> str:
    """The condition that a column holds one of some texts, of which there is at least one."""
    return f"{column} IN ({', '.join(map(_quoted, texts))})"


def below(folder: Path) -> str:
    """The condition that ``path`` lies below a folder, at any depth.

    A range of texts, because ``LIKE`` gives % and _ in names a meaning.
    """
    start = str(folder).rstrip(os.sep) + os.sep
    end = start[:-1] + chr(ord(os.sep) + 1)
    return f"(path >= {_quoted(start)} AND path < {_quoted(end)})"


def lies_in(path: str | os.PathLike[str], places: Iterable[str | os.PathLike[str]]) -> bool:
    """Whether a path is one of ``places``, or below one of them."""
    return any(Path(path).is_relative_to(place) for place in places)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _midnight(day: date) -> str:
    return f"timestamp '{day:%Y-%m-%d} 00:00:00'"
