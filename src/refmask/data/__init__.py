"""Data sets: pictures with what is asked about them.

To add one: one file beside this one, and one line in ``DATASETS``.
"""

from __future__ import annotations

from typing import Protocol

from refmask.types import Sample


class Dataset(Protocol):
    """One split of a data set; its pictures are read when they are asked for.

    Attributes:
        name: as it is asked for, such as "refcoco".
        split: such as "val".
        ids: of its pictures, unique, in the order in which they are asked.
        queries: number of expressions over all pictures.
        fingerprint: SHA-256 over the annotations and the rules by which they are read.
    """

    name: str
    split: str
    ids: tuple[str, ...]
    queries: int
    fingerprint: str

    def sample(self, picture: str) -> Sample:
        """One picture with all that is asked about it.

        Args:
            picture: one of ``ids``.

        Raises:
            ImageError: when the picture is missing or damaged.
            InputError: when its annotations are.
        """
        ...
