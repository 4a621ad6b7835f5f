"""What is asked for when a data set is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from refmask.errors import ConfigurationError

SUBSETS = ("all", "seen", "unseen")


@dataclass(frozen=True)
class Choice:
    """One split of one data set, and how it is read.

    Attributes:
        name: of the data set, such as "refcoco".
        split: such as "val".
        root: the folder that holds its files, or None for a data set that is shipped.
        split_by: who split it, where there are several, such as "umd".
        subset: of PhraseCut: "all", "seen" or "unseen".
        overlap_is_background: a target's pixels that several of its polygons cover are outside.
    """

    name: str
    split: str
    root: Path | None
    split_by: str | None = None
    subset: str = "all"
    overlap_is_background: bool = False

    def __post_init__(self) -> None:
        if self.subset not in SUBSETS:
            raise ConfigurationError(
                f"expected a subset of {', '.join(SUBSETS)}, got '{self.subset}'; choose one"
            )

    @property
    def folder(self) -> Path:
        """The root.

        Raises:
            ConfigurationError: when there is none, or no such folder.
        """
        if self.root is None or not self.root.is_dir():
            got = "none" if self.root is None else f"{self.root}, which is no folder"
            raise ConfigurationError(
                f"expected the folder of {self.name} as root, got {got}; "
                f"'refmask data check {self.name} --root DIR' tells what belongs there"
            )
        return self.root
