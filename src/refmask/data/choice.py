"""What is asked for when a data set is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from refmask.errors import ConfigurationError
from refmask.ops.reading import is_folder

SUBSETS = ("all", "seen", "unseen")
#: What can be asked of a data set without expressions: see ``refmask.data.categories``.
CATEGORIES, CHOICES = "categories", "choices"
QUESTIONS = (CATEGORIES, CHOICES)


@dataclass(frozen=True)
class Choice:
    """One split of one data set, and how it is read.

    Attributes:
        name: of the data set, such as "refcoco".
        split: such as "val"; "" where a data set is not split.
        root: the folder that holds its files, or None for a data set that is shipped.
        split_by: who split it, where there are several, such as "umd".
        subset: of PhraseCut: "all", "seen" or "unseen".
        overlap_is_background: a target's pixels that several of its polygons cover are outside.
        questions: of COCO: one of ``QUESTIONS``, or None to ask nothing.
    """

    name: str
    split: str
    root: Path | None
    split_by: str | None = None
    subset: str = "all"
    overlap_is_background: bool = False
    questions: str | None = None

    def __post_init__(self) -> None:
        fault = self._fault()
        if fault is not None:
            raise ConfigurationError(fault)

    def _fault(self) -> str | None:
        """What is asked for that does not exist, and what to do."""
        if self.subset not in SUBSETS:
            return f"expected a subset of {', '.join(SUBSETS)}, got '{self.subset}'; choose one"
        if self.subset != "all" and self.name != "phrasecut":
            return f"only phrasecut has subsets, {self.name} was asked for '{self.subset}'"
        if self.split_by is not None and self.name in ("phrasecut", "coco"):
            return f"{self.name} is split in one way, got split_by '{self.split_by}'; omit it"
        if not self.split and self.name != "coco":
            return f"{self.name} needs a split; add `split=NAME`, such as `split=val`"
        if self.questions is not None and self.name != "coco":
            return f"{self.name} has expressions of its own; leave `questions` out"
        if self.questions not in (None, *QUESTIONS):
            return f"unknown questions '{self.questions}'; choose {' or '.join(QUESTIONS)}"
        return None

    @property
    def folder(self) -> Path:
        """The root.

        Raises:
            ConfigurationError: when there is none, or no such folder.
        """
        if self.root is None or not is_folder(self.root):
            got = "none" if self.root is None else f"{self.root}, which is no folder"
            raise ConfigurationError(
                f"expected the folder of {self.name} as root, got {got}; "
                f"'refmask data check {self.name}' tells what belongs there"
            )
        return self.root
