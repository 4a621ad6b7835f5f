"""What ``refmask setup`` remembers, and whether it is still there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from refmask.errors import WeightsError
from refmask.weights.hashing import sha256_of

WAY_OUT = "run 'refmask setup photos' again, or 'refmask setup forget'"


@dataclass(frozen=True)
class KeptFile:
    """A file as it was when it was tried.

    Attributes:
        path: where it lies, absolute.
        bytes: its size.
        modified: nanoseconds since the epoch.
        sha256: of its content.
    """

    path: str
    bytes: int
    modified: int
    sha256: str

    @classmethod
    def of(cls, path: Path) -> KeptFile:
        """As it is now.

        Raises:
            WeightsError: when it cannot be read.
        """
        digest, about = sha256_of(path), path.stat()
        return cls(str(path), about.st_size, about.st_mtime_ns, digest)

    def check(self) -> None:
        """Raise WeightsError when it is gone or holds something else, with the way out."""
        path = Path(self.path)
        try:
            about = path.stat()
        except OSError:
            raise WeightsError(
                f"{path}, which 'refmask setup' remembered, is gone; {WAY_OUT}"
            ) from None
        same = about.st_size == self.bytes
        # A file that was copied or touched is read before it is believed.
        if not same or (about.st_mtime_ns != self.modified and sha256_of(path) != self.sha256):
            raise WeightsError(
                f"{path} is not the file any more that 'refmask setup' remembered; {WAY_OUT}"
            )


@dataclass(frozen=True)
class Remembered:
    """Weights that were fetched or brought, and tried.

    Attributes:
        title: what to call them.
        model: as ``refmask.load`` takes it.
        weights: the file.
        proposals: as ``refmask.load`` takes it; None for the usual ones.
        files: all that these two name.
    """

    title: str
    model: str
    weights: str
    proposals: str | None = None
    files: tuple[KeptFile, ...] = ()

    def checked(self) -> Remembered:
        """Itself.

        Raises:
            WeightsError: when one of its files is gone or changed, with the way out.
        """
        for file in self.files:
            file.check()
        return self
