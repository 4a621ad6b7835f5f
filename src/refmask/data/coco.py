"""COCO's instances: images with the mask and the class of every thing, and no expressions::

    ROOT/annotations/instances_val2014.json     COCO's tables
    ROOT/val2014/*.jpg                          the images; or ROOT/images/val2014

    ROOT/instances.json                         or a table of one's own, which is not split
    ROOT/images/*.jpg                           and its images

Any other ``instances_SPLIT.json`` is read in the same way. The instances are the perfect proposals
of the paper's table 2. What can be asked about them is told by ``refmask.data.categories``.
"""

from __future__ import annotations

from pathlib import Path

from refmask.data.categories import Asked, ask
from refmask.data.choice import CATEGORIES, CHOICES, Choice
from refmask.data.files import fingerprint, missing, read, read_annotated
from refmask.data.tables import Tables, parse_tables
from refmask.errors import ConfigurationError, InputError
from refmask.ops.reading import is_file, is_folder
from refmask.types import Sample

FOLDER, IMAGES = "annotations", "images"
#: A table that is not split, and the name that its one split goes by.
UNSPLIT, ALL = "instances.json", "all"
#: What data lack of which nothing can be asked.
LACKING = {
    CATEGORIES: "an image with exactly one instance of a category, of at least 1 % of its area",
    CHOICES: "an image with instances of two or more categories, each of at least 1 % of its area",
}


def load(choice: Choice) -> CocoDataset:
    """A split of COCO, such as "train2014".

    Raises:
        ConfigurationError: when the root or the split does not exist, or there is nothing to ask.
        InputError: when its table is damaged.
    """
    return CocoDataset(choice)


def splits(root: Path) -> list[str]:
    """The splits whose tables are there; ``ALL`` is the table that is not split."""
    tables = sorted((root / FOLDER).glob("instances_*.json"))
    named = [table.stem.removeprefix("instances_") for table in tables]
    return named + [ALL] * is_file(root / UNSPLIT)


class CocoDataset:
    """One split; images come in the table's order.

    Attributes:
        name: "coco".
        split: such as "val2014"; "all" where the data are not split.
        questions: what is asked; None for nothing.
        categories: class names by id.
        ids: of the images; where something is asked, of those that it is asked about.
        queries: number of questions.
        fingerprint: SHA-256 over the table, the split and what is asked.
    """

    def __init__(self, choice: Choice) -> None:
        self.name, self.questions = choice.name, choice.questions
        self.split, path, self.folder = _find(choice)
        content = read(path)
        self._tables = parse_tables(content, path)
        self.categories = self._tables.categories
        counts = None if self.questions is None else self._counts(self.questions)
        self._images = {
            str(number): one
            for number, one in self._tables.images.items()
            if counts is None or counts[number]
        }
        self.ids = tuple(self._images)
        self.queries = 0 if counts is None else sum(counts.values())
        rules = (choice.name, self.split, *filter(None, [self.questions]))
        self.fingerprint = fingerprint(rules, content)

    def sample(self, image_id: str) -> Sample:
        """One image, all things in it that are no crowds, and what is asked about them.

        Of "choices" the things are those that there is to choose from.

        Raises:
            ImageError: when the image is missing, damaged, or of another size than annotated.
            MaskError: when an annotation is damaged.
            ConfigurationError: when it is none of ``ids``.
        """
        about = self._images.get(image_id)
        if about is None:
            raise ConfigurationError(f"expected an image of coco, got the id '{image_id}'")
        image = read_annotated(self.folder, about.file, about.height, about.width)
        if self.questions is None:
            return Sample(image_id, image, (), self._tables.instances(about.id)[0])
        asked = self._ask(self.questions, about.id)
        return Sample(image_id, image, asked.queries(image_id, self.categories), asked.instances)

    def missing_images(self) -> list[Path]:
        """Files of its images that are not there."""
        return missing(self.folder, (one.file for one in self._images.values()))

    def _counts(self, questions: str) -> dict[int, int]:
        """Number of questions by image; what is annotated is drawn to know its size."""
        _check_names(self._tables)
        counts = {one: len(self._ask(questions, one).right) for one in self._tables.images}
        if not any(counts.values()):
            raise ConfigurationError(
                f"{self._tables.path} leaves nothing to ask: it lacks {LACKING[questions]}"
            )
        return counts

    def _ask(self, questions: str, image: int) -> Asked:
        instances, _ = self._tables.instances(image)
        annotations = self._tables.annotations.get(image, ())
        return ask(questions, instances, {one.category for one in annotations if one.crowd})


def _find(choice: Choice) -> tuple[str, Path, Path]:
    """Split, table and the folder of the images."""
    root, split = choice.folder, choice.split
    there = splits(root)
    table = root / FOLDER / f"instances_{split}.json"
    if is_file(root / UNSPLIT) and (not split or (split == ALL and not is_file(table))):
        return ALL, root / UNSPLIT, root / IMAGES
    if split not in there:
        got = f"'{split}'" if split else "none; add `split`"
        raise ConfigurationError(
            f"expected one of the splits {', '.join(there) or '(none there)'} of {root}, got "
            f"{got}; 'refmask data check coco' tells what belongs there"
        )
    inner = root / IMAGES / split
    return split, table, inner if is_folder(inner) else root / split


def _check_names(tables: Tables) -> None:
    """Raise InputError for an annotation of a category that cannot be asked for by its name."""
    used = {one.category for some in tables.annotations.values() for one in some}
    nameless = sorted(number for number in used if not tables.categories.get(number, "").strip())
    if nameless:
        raise InputError(
            f"{tables.path} has annotations of category {nameless[0]}, but no name for it; add it "
            "to its categories"
        )
