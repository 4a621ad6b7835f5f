"""Scenes: composed images of emoji objects on surfaces, with masks and true expressions.

Two same-class, same-colour objects that differ only in what they stand on cannot be told apart by
what lies inside their masks: whoever answers "the duck on the striped red rug" has looked at the
surroundings. They are laid out like REFER's data sets; ``training/generate_scenes.py`` makes more.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from refmask.data.choice import Choice
from refmask.data.refer import ReferDataset
from refmask.data.refs import ALL
from refmask.types import Sample

#: Where a folder of scenes has its images and its tables.
IMAGES, FOLDER = Path("images", "mscoco", "images", "train2014"), Path("scenes")
#: The small rendered set that comes with the package.
SHIPPED = Path(__file__).parents[1] / "assets" / "scenes"


def load(choice: Choice) -> ReferDataset:
    """The split "val", "test" or "all" of the scenes in a folder, the shipped ones without root.

    Raises:
        ConfigurationError: when the root or the split does not exist.
        InputError: when its files are missing or damaged.
    """
    return ReferDataset(choice if choice.root is not None else replace(choice, root=SHIPPED))


def read_scenes(root: Path = SHIPPED, split: str | None = None) -> Iterator[Sample]:
    """The samples of a folder of scenes, in the order of their images.

    Args:
        root: the folder; the shipped set when not given.
        split: "val" (combinations as in training), "test" (held-out ones), or None for both.

    Raises:
        ConfigurationError: when there is no such folder or split.
        InputError: when the folder is not a written set.
    """
    dataset = load(Choice(str(FOLDER), split or ALL, root))
    return map(dataset.sample, dataset.ids)
