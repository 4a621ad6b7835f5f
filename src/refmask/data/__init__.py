"""Data sets: images with what is asked about them.

To add one: one file beside this one, and one line in ``DATASETS``.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Protocol

from refmask.data.choice import Choice
from refmask.errors import ConfigurationError
from refmask.ops.reading import is_file, is_folder
from refmask.types import Sample


class Dataset(Protocol):
    """One split of a data set; its images are read when they are asked for.

    Attributes:
        name: as it is asked for, such as "refcoco".
        split: such as "val".
        ids: of its images, unique, in the order in which they are asked.
        queries: number of expressions over all images.
        categories: class names by id, as in ``Sample.instances.details["category"]``; none where
            there are no instances.
        fingerprint: SHA-256 over the annotations and the rules by which they are read.
    """

    name: str
    split: str
    ids: tuple[str, ...]
    queries: int
    categories: dict[int, str]
    fingerprint: str

    def sample(self, image: str) -> Sample:
        """One image with all that is asked about it.

        Args:
            image: one of ``ids``.

        Raises:
            ImageError: when the image is missing or damaged.
            InputError: when its annotations are.
        """
        ...

    def missing_images(self) -> list[Path]:
        """Files of its images that are not there, told without opening any."""
        ...


#: Name -> where a function ``(Choice) -> Dataset`` is; imported only when asked for.
DATASETS = {
    "refcoco": ("refmask.data.refer", "load"),
    "refcoco+": ("refmask.data.refer", "load"),
    "refcocog": ("refmask.data.refer", "load"),
    "phrasecut": ("refmask.data.phrasecut", "load"),
    "coco": ("refmask.data.coco", "load"),
    "scenes": ("refmask.data.scenes", "load"),
}

#: The file that a data set in REFER's layout is known by.
TABLES = "instances.json"


def load_dataset(
    name: str,
    split: str | None = None,
    root: Path | None = None,
    *,
    split_by: str | None = None,
    subset: str = "all",
    overlap_is_background: bool = False,
    questions: str | None = None,
) -> Dataset:
    """A split of a data set by name.

    Args:
        name: one of ``DATASETS``, or a folder in REFER's layout, such as one written by
            ``training/generate_scenes.py``.
        split: such as "val", "testA", "test", or "all" for every split of a REFER data set. Only
            ``coco`` can go without one: where ``root`` holds ``instances.json`` and ``images/``.
        root: the folder with the data set's files; only ``scenes`` are shipped.
        split_by: who split it; of RefCOCOg "umd" (when not given) or "google".
        subset: of PhraseCut: "all", or phrases about classes that COCO names ("seen") or not.
        overlap_is_background: of REFER data sets: pixels that several polygons of one target cover
            are outside of it, as in the paper's released code; else the polygons' union is it.
        questions: of COCO, which has no expressions: ask for "categories" that one instance has to
            itself, or for "choices" among instances, where any of a category is right (see
            ``refmask.data.categories``). Nothing is asked when not given.

    Raises:
        ConfigurationError: for a name, a split or a setting that does not exist.
        InputError: when files are missing, damaged, or do not fit together.
    """
    module, function = DATASETS.get(name, DATASETS["refcoco"])
    if name not in DATASETS:
        root, name = locate(name, root)
    apart = overlap_is_background
    choice = Choice(name, split or "", root, split_by, subset, apart, questions)
    dataset: Dataset = getattr(importlib.import_module(module), function)(choice)
    return dataset


def locate(name: str, root: Path | None = None) -> tuple[Path, str]:
    """Root and name of a data set in REFER's layout that has no name of its own here.

    Args:
        name: a folder that holds one data set, or the data set's own folder.
        root: the folder that ``name`` lies in, where it is no path.

    Raises:
        ConfigurationError: when there is none, or more than one.
    """
    folder = (Path(name) if root is None else root / name).resolve()
    if is_file(folder / TABLES):
        return folder.parent, folder.name
    found = sorted(folder.glob(f"*/{TABLES}")) if is_folder(folder) else []
    if len(found) != 1:
        several = ", ".join(path.parent.name for path in found)
        raise ConfigurationError(
            f"expected {', '.join(DATASETS)}, or a folder with one data set in REFER's layout, got "
            f"'{name}'" + (f", which holds several; add one of {several}" if several else "")
        )
    return folder, found[0].parent.name
