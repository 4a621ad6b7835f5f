"""Which regions a search is about, and conditions as SQL that LanceDB reads."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from refmask.errors import ConfigurationError


@dataclass(frozen=True)
class Filters:
    """Regions that may be found; everything, unless said otherwise.

    Attributes:
        folder: of images in this folder, or below it.
        min_area: of masks that cover at least this share of their image, 0 to 1.
        max_area: of masks that cover at most this share.
        since: of images taken on this day or later.
        until: of images taken on this day or earlier.

    Raises:
        ConfigurationError: for values out of range; all faults at once.
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
                f"min_area and max_area from 0 to 1, got {self.min_area} and {self.max_area}"
            )
        if self.since and self.until and self.since > self.until:
            faults.append(f"since before until, got {self.since} and {self.until}")
        if faults:
            raise ConfigurationError(f"expected {'; '.join(faults)}; correct it")

    def sql(self) -> str | None:
        """The condition on a row of ``regions``; None when all may be found."""
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
    """The condition that a column holds one of these texts, at least one."""
    return f"{column} IN ({', '.join(map(_quoted, texts))})"


def below(folder: Path) -> str:
    """The condition that ``path`` lies below a folder, at any depth.

    A range of texts, as ``LIKE`` would read % and _ in names as more than themselves.
    """
    start = str(folder).rstrip(os.sep) + os.sep
    end = start[:-1] + chr(ord(os.sep) + 1)
    return f"(path >= {_quoted(start)} AND path < {_quoted(end)})"


def lies_in(path: str | os.PathLike[str], places: Iterable[str | os.PathLike[str]]) -> bool:
    """Whether a path is one of some places, or below one of them."""
    return any(Path(path).is_relative_to(place) for place in places)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _midnight(day: date) -> str:
    return f"timestamp '{day:%Y-%m-%d} 00:00:00'"
