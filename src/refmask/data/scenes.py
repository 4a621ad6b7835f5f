"""Scenes: composed images of emoji objects on surfaces, with masks and true expressions.

Pairs of objects of one class and colour differ only in their surroundings, which lie outside of
their masks: finding "the duck on the striped red rug" needs context. The scenes are in REFER's
layout; ``training/generate_scenes.py`` makes more. The data set "gscenes" has further scenes whose
expressions refer to one thing, to several or to none, as in gRefCOCO.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from refmask.data.choice import Choice
from refmask.data.refer import ReferDataset
from refmask.data.refs import ALL
from refmask.types import Sample

#: Paths of the images and the tables in a folder of scenes.
IMAGES, FOLDER = Path("images", "mscoco", "images", "train2014"), Path("scenes")
GENERALISED = Path("gscenes")
#: The small sets that come with the package, by name.
SETS = {str(name): Path(__file__).parents[1] / "assets" / name for name in (FOLDER, GENERALISED)}
SHIPPED = SETS["scenes"]


def load(choice: Choice) -> ReferDataset:
    """Load the split "val", "test" or "all" of scenes; the shipped ones when root is None.

    Raises:
        ConfigurationError: when the root or the split does not exist.
        InputError: when its files are missing or damaged.
    """
    return ReferDataset(
        choice if choice.root is not None else replace(choice, root=SETS[choice.name])
    )


def read_scenes(root: Path = SHIPPED, split: str | None = None) -> Iterator[Sample]:
    """The samples of a folder of scenes, in the order of their images.

    Args:
        root: the folder; by default the shipped set.
        split: "val" (combinations as in training), "test" (held-out ones), or None for both.

    Raises:
        ConfigurationError: when there is no such folder or split.
        InputError: when the folder does not hold scenes.
    """
    dataset = load(Choice(str(FOLDER), split or ALL, root))
    return map(dataset.sample, dataset.ids)
