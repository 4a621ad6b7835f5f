"""COCO: images with the mask and the class of every instance, without expressions::

    ROOT/annotations/instances_val2014.json     COCO's tables
    ROOT/val2014/*.jpg                          the images; or ROOT/images/val2014

    ROOT/instances.json                         or your own table, without splits
    ROOT/images/*.jpg                           and its images

Any other ``instances_SPLIT.json`` is read in the same way. The instances serve as proposals (the
paper's table 2), and their categories as queries (``refmask.data.categories``).
"""

from __future__ import annotations

from pathlib import Path

from refmask.data.categories import CategoryQueries, category_queries
from refmask.data.choice import CATEGORIES, CHOICES, Choice
from refmask.data.files import fingerprint, missing, no_image, read, read_annotated
from refmask.data.tables import Tables, parse_tables
from refmask.errors import ConfigurationError, InputError
from refmask.ops.reading import is_file, is_folder
from refmask.types import Sample

FOLDER, IMAGES = "annotations", "images"
#: A table without splits, and the name of its only split.
UNSPLIT, ALL = "instances.json", "all"
#: What data without any query lack.
LACKING = {
    CATEGORIES: "an image with exactly one instance of a category, of at least 1 % of its area",
    CHOICES: "an image with instances of two or more categories, each of at least 1 % of its area",
}


def splits(root: Path) -> list[str]:
    """The splits whose tables exist; ``ALL`` is the table without splits."""
    tables = sorted((root / FOLDER).glob("instances_*.json"))
    named = [table.stem.removeprefix("instances_") for table in tables]
    return named + [ALL] * is_file(root / UNSPLIT)


class CocoDataset:
    """A split of COCO, such as "train2014"; images come in the table's order.

    Attributes:
        name: "coco".
        split: such as "val2014"; "all" where the data are not split.
        questions: kind of queries; None for none.
        categories: class names by id.
        ids: of the images; with ``questions``, of those that have a query.
        queries: number of queries.
        fingerprint: SHA-256 over the table, the split and ``questions``.

    Raises:
        ConfigurationError: when the root or the split does not exist, or there is no query.
        InputError: when its table is damaged.
    """

    def __init__(self, choice: Choice) -> None:
        self.name, self.questions = choice.name, choice.questions
        self.split, path, self.folder = _find(choice)
        content = read(path)
        self._tables = parse_tables(content, path)
        self.categories = self._tables.categories
        counts = None if self.questions is None else self._counts(self.questions)
        self._images = {
            str(number): record
            for number, record in self._tables.images.items()
            if counts is None or counts[number]
        }
        self.ids = tuple(self._images)
        self.queries = 0 if counts is None else sum(counts.values())
        rules = (choice.name, self.split, *filter(None, [self.questions]))
        self.fingerprint = fingerprint(rules, content)

    def sample(self, image_id: str) -> Sample:
        """One image with its instances, without crowds, and its queries.

        For "choices", the instances are those to choose from.

        Raises:
            ImageError: when the image is missing, damaged, or of another size than annotated.
            MaskError: when an annotation is damaged.
            ConfigurationError: when the id is not in ``ids``.
        """
        record = self._images.get(image_id)
        if record is None:
            raise no_image("coco", image_id)
        image = read_annotated(self.folder, record.file, record.height, record.width)
        if self.questions is None:
            return Sample(image_id, image, (), self._tables.instances(record.id)[0])
        chosen = self._queries(self.questions, record.id)
        return Sample(image_id, image, chosen.queries(image_id, self.categories), chosen.instances)

    def missing_images(self) -> list[Path]:
        """Image files that do not exist."""
        return missing(self.folder, (record.file for record in self._images.values()))

    def _counts(self, questions: str) -> dict[int, int]:
        """Number of queries by image; masks are decoded to measure them."""
        _check_names(self._tables)
        counts = {
            image: len(self._queries(questions, image).right) for image in self._tables.images
        }
        if not any(counts.values()):
            raise ConfigurationError(
                f"{self._tables.path} gives no query: it lacks {LACKING[questions]}"
            )
        return counts

    def _queries(self, questions: str, image: int) -> CategoryQueries:
        instances, _ = self._tables.instances(image)
        crowds = {a.category for a in self._tables.annotations.get(image, ()) if a.crowd}
        return category_queries(questions, instances, crowds)


load = CocoDataset


def _find(choice: Choice) -> tuple[str, Path, Path]:
    """Split, table and the folder of the images."""
    root, split = choice.folder, choice.split
    known = splits(root)
    table = root / FOLDER / f"instances_{split}.json"
    if is_file(root / UNSPLIT) and (not split or (split == ALL and not is_file(table))):
        return ALL, root / UNSPLIT, root / IMAGES
    if split not in known:
        fault = f"{root} has no split '{split}'" if split else "coco needs a split"
        choices = f"add `split` as one of {', '.join(known)}" if known else "the folder has none"
        raise ConfigurationError(
            f"{fault}; {choices}: 'refmask data check coco' lists what belongs there"
        )
    inner = root / IMAGES / split
    return split, table, inner if is_folder(inner) else root / split


def _check_names(tables: Tables) -> None:
    """Raise InputError for an annotation whose category has no name."""
    used = {a.category for annotations in tables.annotations.values() for a in annotations}
    nameless = sorted(number for number in used if not tables.categories.get(number, "").strip())
    if nameless:
        raise InputError(
            f"{tables.path} has annotations of category {nameless[0]}, but no name for it; add it "
            "to its categories"
        )
