"""Written scenes as a data set: REFER's layout, and a set that is shipped."""

from __future__ import annotations

from dataclasses import replace

from refmask.data.choice import Choice
from refmask.data.refer import ReferDataset
from refmask.data.scenes.reading import SHIPPED


def load(choice: Choice) -> ReferDataset:
    """The split "val", "test" or "all" of the scenes in a folder, the shipped ones without root.

    Raises:
        ConfigurationError: when the root or the split does not exist.
        InputError: when its files are missing or damaged.
    """
    return ReferDataset(choice if choice.root is not None else replace(choice, root=SHIPPED))
