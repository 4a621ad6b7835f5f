"""COCO's instances: pictures with the mask and the class of every thing, and no expressions::

    ROOT/annotations/instances_val2014.json     COCO's tables
    ROOT/val2014/*.jpg                          the pictures; or ROOT/images/val2014

Any other ``instances_SPLIT.json`` is read in the same way. The instances are the perfect proposals
of the paper's table 2.
"""

from __future__ import annotations

from pathlib import Path

from refmask.data.choice import Choice
from refmask.data.files import fingerprint, read
from refmask.data.pictures import missing, read_picture
from refmask.data.tables import parse_tables
from refmask.errors import ConfigurationError
from refmask.types import Sample

FOLDER = "annotations"


def load(choice: Choice) -> CocoDataset:
    """A split of COCO, such as "train2014".

    Raises:
        ConfigurationError: when the root or the split does not exist.
        InputError: when its table is damaged.
    """
    return CocoDataset(choice)


class CocoDataset:
    """One split; pictures come in the table's order and nothing is asked about them.

    Attributes:
        name: "coco".
        split: such as "val2014".
        categories: class names by id.
        ids: of the pictures.
        queries: 0.
        fingerprint: SHA-256 over the table and the split.
    """

    def __init__(self, choice: Choice) -> None:
        self.name, self.split, self.queries = choice.name, choice.split, 0
        tables = choice.folder / FOLDER
        path = tables / f"instances_{choice.split}.json"
        if not path.is_file():
            there = sorted(
                file.stem.removeprefix("instances_") for file in tables.glob("instances_*.json")
            )
            raise ConfigurationError(
                f"expected one of the splits {', '.join(there) or '(none there)'} of {tables}, got "
                f"'{choice.split}'; 'refmask data check coco --root DIR' tells what belongs there"
            )
        content = read(path)
        self._tables = parse_tables(content, path)
        self.categories = self._tables.categories
        self._pictures = {str(one.id): one for one in self._tables.pictures.values()}
        self.ids = tuple(self._pictures)
        self.fingerprint = fingerprint((choice.name, choice.split), content)
        inner = choice.folder / "images" / choice.split
        self.folder = inner if inner.is_dir() else choice.folder / choice.split

    def sample(self, picture: str) -> Sample:
        """One picture and all things in it that are no crowds.

        Raises:
            ImageError: when the picture is missing, damaged, or of another size than annotated.
            MaskError: when an annotation is damaged.
            ConfigurationError: when the split has no such picture.
        """
        about = self._pictures.get(picture)
        if about is None:
            raise ConfigurationError(f"expected a picture of coco, got the id '{picture}'")
        image = read_picture(self.folder / about.file, about.height, about.width)
        instances, _ = self._tables.instances(about.id)
        return Sample(picture, image, (), instances)

    def missing_pictures(self) -> list[Path]:
        """Files of the split's pictures that are not there."""
        return missing(self.folder / one.file for one in self._pictures.values())
