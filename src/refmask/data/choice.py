"""Which split of which data set to load, and how to read it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from refmask.errors import ConfigurationError
from refmask.ops.reading import is_folder

SUBSETS = ("all", "seen", "unseen")
#: Kinds of queries for a data set without expressions: see ``refmask.data.categories``.
CATEGORIES, CHOICES = "categories", "choices"
QUESTIONS = (CATEGORIES, CHOICES)


@dataclass(frozen=True)
class Choice:
    """One split of one data set, and how to read it.

    Attributes:
        name: of the data set, such as "refcoco".
        split: such as "val"; "" where a data set is not split.
        root: the folder with its files; None for a shipped data set.
        split_by: who split it, where it was split several times, such as "umd".
        subset: for PhraseCut: "all", "seen" or "unseen".
        overlap_is_background: pixels where polygons of one target overlap are outside of it.
        questions: for COCO: one of ``QUESTIONS``, or None for no queries.
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
        """What is wrong with the settings and what to do, or None."""
        if self.subset not in SUBSETS:
            return f"there is no subset '{self.subset}'; choose one of {', '.join(SUBSETS)}"
        if self.subset != "all" and self.name != "phrasecut":
            return f"only phrasecut has subsets; leave `subset` out for {self.name}"
        if self.split_by is not None and self.name in ("phrasecut", "coco"):
            return f"{self.name} is split in one way; leave `split_by` out"
        if not self.split and self.name != "coco":
            return f"{self.name} needs a split; add `split=NAME`, such as `split=val`"
        if self.questions is not None and self.name != "coco":
            return f"{self.name} has expressions of its own; leave `questions` out"
        if self.questions not in (None, *QUESTIONS):
            return f"there are no questions '{self.questions}'; choose {' or '.join(QUESTIONS)}"
        return None

    @property
    def folder(self) -> Path:
        """The root.

        Raises:
            ConfigurationError: when there is none, or no such folder.
        """
        if self.root is None or not is_folder(self.root):
            fault = (
                f"{self.name} is not shipped"
                if self.root is None
                else f"{self.root} is not a folder"
            )
            raise ConfigurationError(
                f"{fault}; give the folder of {self.name} as `root`: "
                f"'refmask data check {self.name}' lists what belongs there"
            )
        return self.root
