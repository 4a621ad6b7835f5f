"""Data sets: images with expressions, targets and instances.

To add one: one file beside this one with a function ``load``, and one line in ``DATASETS``.
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
    """One split of a data set; ``sample`` reads one image at a time.

    Attributes:
        name: such as "refcoco".
        split: such as "val".
        ids: of its images, unique, in the order of evaluation.
        queries: number of expressions over all images.
        categories: class names by id, as in ``Sample.instances.details["category"]``; empty where
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
        """One image with its queries and instances.

        Args:
            image: one of ``ids``.

        Raises:
            ImageError: when the image is missing or damaged.
            InputError: when its annotations are.
        """
        ...

    def missing_images(self) -> list[Path]:
        """Image files that do not exist; none is opened."""
        ...


#: Name -> the module whose ``load(choice)`` gives the ``Dataset``; imported when needed.
DATASETS = {
    "refcoco": "refmask.data.refer",
    "refcoco+": "refmask.data.refer",
    "refcocog": "refmask.data.refer",
    "grefcoco": "refmask.data.refer",
    "phrasecut": "refmask.data.phrasecut",
    "coco": "refmask.data.coco",
    "scenes": "refmask.data.scenes",
    "gscenes": "refmask.data.scenes",
}

#: The annotation file by which a folder in REFER's layout is recognised.
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
    """Load a split of a data set by name.

    Args:
        name: one of ``DATASETS``, or a folder in REFER's layout, such as one written by
            ``training/generate_scenes.py``.
        split: such as "val", "testA", "test", or "all" for every split of a REFER data set. Only
            ``coco`` can do without: where ``root`` holds ``instances.json`` and ``images/``.
        root: the folder with the data set's files; only ``scenes`` and ``gscenes`` are shipped.
        split_by: who split it; for RefCOCOg "umd" (default) or "google".
        subset: for PhraseCut: "all", or phrases about classes that COCO names ("seen") or does
            not ("unseen").
        overlap_is_background: for REFER data sets: pixels where polygons of one target overlap are
            outside of it, as in the paper's released code; else the target is their union.
        questions: for COCO, which has no expressions: query "categories" with a single instance,
            or "choices" among instances, where any of a category is right (see
            ``refmask.data.categories``). No queries when None.

    Raises:
        ConfigurationError: when a name, split or setting does not exist.
        InputError: when files are missing, damaged, or do not fit together.
    """
    module = importlib.import_module(DATASETS.get(name, DATASETS["refcoco"]))
    if name not in DATASETS:
        root, name = locate(name, root)
    dataset: Dataset = module.load(
        Choice(name, split or "", root, split_by, subset, overlap_is_background, questions)
    )
    return dataset


def locate(name: str, root: Path | None = None) -> tuple[Path, str]:
    """Root and name of a data set in REFER's layout that is not in ``DATASETS``.

    Args:
        name: a folder that holds one data set, or the data set's own folder.
        root: the folder that contains ``name``, unless ``name`` is a path.

    Raises:
        ConfigurationError: when there is no such data set, or more than one.
    """
    folder = (Path(name) if root is None else root / name).resolve()
    if is_file(folder / TABLES):
        return folder.parent, folder.name
    found = sorted(folder.glob(f"*/{TABLES}")) if is_folder(folder) else []
    if len(found) != 1:
        several = ", ".join(path.parent.name for path in found)
        raise ConfigurationError(
            f"'{name}' is no data set"
            + (f" but a folder of several; add one of {several}" if several else "")
            + f": name one of {', '.join(DATASETS)}, or a folder with one in REFER's layout"
        )
    return folder, found[0].parent.name
