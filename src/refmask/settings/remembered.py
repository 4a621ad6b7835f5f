"""What ``refmask setup`` remembers, and whether its files are unchanged."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from refmask.errors import WeightsError
from refmask.weights.hashing import sha256_of

REMEDY = "run 'refmask setup photos' again, or 'refmask setup forget'"


@dataclass(frozen=True)
class RememberedFile:
    """A weights file as it was when it was tried.

    Attributes:
        path: absolute.
        bytes: its size.
        modified: nanoseconds since the epoch.
        sha256: of its content.
    """

    path: str
    bytes: int
    modified: int
    sha256: str

    @classmethod
    def of(cls, path: Path) -> RememberedFile:
        """Record a file as it is now.

        Raises:
            WeightsError: when it cannot be read.
        """
        digest, stat = sha256_of(path), path.stat()
        return cls(str(path), stat.st_size, stat.st_mtime_ns, digest)

    def check(self) -> None:
        """Raise WeightsError when the file is missing or its content changed."""
        path = Path(self.path)
        try:
            stat = path.stat()
        except OSError:
            raise WeightsError(
                f"{path}, which 'refmask setup' remembered, is missing; {REMEDY}"
            ) from None
        same_size = stat.st_size == self.bytes
        # Only a new time of modification costs a hash: the file may have been copied or touched.
        if not same_size or (stat.st_mtime_ns != self.modified and sha256_of(path) != self.sha256):
            raise WeightsError(f"{path} changed since 'refmask setup' remembered it; {REMEDY}")


@dataclass(frozen=True)
class Remembered:
    """Weights that ``refmask setup`` fetched or took from a folder, and tried.

    Attributes:
        title: display name.
        model: as ``refmask.load`` takes it.
        weights: the file.
        proposals: as ``refmask.load`` takes it; None for the default.
        files: all files that ``weights`` and ``proposals`` name.
    """

    title: str
    model: str
    weights: str
    proposals: str | None = None
    files: tuple[RememberedFile, ...] = ()

    def checked(self) -> Remembered:
        """Return itself.

        Raises:
            WeightsError: when one of its files is missing or changed.
        """
        for file in self.files:
            file.check()
        return self
