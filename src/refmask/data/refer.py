"""RefCOCO, RefCOCO+, RefCOCOg and whatever else is laid out like REFER's data sets::

    ROOT/refcoco/instances.json                     COCO's tables
    ROOT/refcoco/refs(unc).p                        REFER's refs; or .json, .parquet
    ROOT/images/mscoco/images/train2014/*.jpg       the images

Written scenes have this layout, too.
"""

from __future__ import annotations

import warnings
from collections import defaultdict
from functools import cached_property
from pathlib import Path

import numpy as np

from refmask.data import TABLES
from refmask.data.choice import Choice
from refmask.data.counts import compare
from refmask.data.files import fingerprint, missing, read, read_annotated
from refmask.data.refs import ALL, Ref, find_refs, of_split, parse_refs
from refmask.data.tables import Annotation, ImageRecord, Tables, parse_tables
from refmask.errors import ConfigurationError, InputError, RefmaskWarning
from refmask.types import BoolArray, MaskProposals, Query, Sample

#: Where the images may be, below the root.
IMAGES = ("images/mscoco/images/train2014", "images/train2014", "train2014", "images")

#: Who split a data set; the first is meant when none is named.
SPLIT_BY = {
    "refcoco": ("unc", "google"),
    "refcoco+": ("unc",),
    "refcocog": ("umd", "google"),
    "grefcoco": ("unc",),
    "scenes": ("scenes",),
}

#: (name, split by, split) -> refs, images and, where it is known, sentences as published.
PUBLISHED: dict[tuple[str, str, str], tuple[int, ...]] = {
    ("refcoco", "unc", "train"): (42404, 16994, 120624),
    ("refcoco", "unc", "val"): (3811, 1500, 10834),
    ("refcoco", "unc", "testA"): (1975, 750, 5657),
    ("refcoco", "unc", "testB"): (1810, 750, 5095),
    ("refcoco+", "unc", "train"): (42278, 16992, 120191),
    ("refcoco+", "unc", "val"): (3805, 1500, 10758),
    ("refcoco+", "unc", "testA"): (1975, 750, 5726),
    ("refcoco+", "unc", "testB"): (1798, 750, 4889),
    ("refcocog", "umd", "train"): (42226, 21899),
    ("refcocog", "umd", "val"): (2573, 1300),
    ("refcocog", "umd", "test"): (5023, 2600),
    ("refcocog", "umd", ALL): (49822, 25799, 95010),
    ("refcocog", "google", "train"): (44822, 24698),
    ("refcocog", "google", "val"): (5000, 4650),
}


def load(choice: Choice) -> ReferDataset:
    """A split of a data set in REFER's layout.

    Raises:
        ConfigurationError: when the root, the split or who split it does not exist.
        InputError: when a file is missing or damaged, or refs and tables do not fit together.
    """
    return ReferDataset(choice)


class ReferDataset:
    """One split; expressions of an image come in the order of the refs, then of their sentences.

    Attributes:
        name: of the data set.
        split: of the data set.
        split_by: who split it.
        refs: of the split, in the file's order.
        categories: class names by id.
        ids: of the images, in the order of their first ref.
        queries: number of expressions.
        fingerprint: SHA-256 over the annotation files, the split and the rules.
    """

    def __init__(self, choice: Choice) -> None:
        self.name, self.split, self._root = choice.name, choice.split, choice.folder
        self.split_by = _split_by(choice)
        folder = self._root / choice.name
        path = find_refs(folder, self.split_by)
        said = read(path)
        self.refs = of_split(parse_refs(said, path), choice.split, path)
        told = read(folder / TABLES)
        self._tables = parse_tables(told, folder / TABLES, {ref.image for ref in self.refs})
        self.categories = self._tables.categories
        self._annotations = _matched(self.refs, self._tables, path)
        self.refs = _drawn(self.refs, self._annotations, path)
        self._of_image: dict[str, list[Ref]] = defaultdict(list)
        for ref in self.refs:
            self._of_image[str(ref.image)].append(ref)
        self.ids = tuple(self._of_image)
        self.queries = sum(len(ref.sentences) for ref in self.refs)
        self._apart = choice.overlap_is_background
        rules = (choice.name, self.split_by, choice.split, "apart" if self._apart else "union")
        self.fingerprint = fingerprint(rules, said, told)
        found = {"refs": len(self.refs), "images": len(self.ids), "sentences": self.queries}
        published = PUBLISHED.get((self.name, self.split_by, self.split), ())
        numbers = dict(zip(found, published, strict=False))
        compare(f"{self.name} ({self.split_by}) {self.split}", found, numbers)

    @cached_property
    def folder(self) -> Path:
        """Where the images are."""
        places = [self._root / place for place in IMAGES]
        return next((place for place in places if place.is_dir()), places[0])

    def sample(self, image_id: str) -> Sample:
        """One image, all expressions about it, and all things in it that are no crowds.

        Raises:
            ImageError: when the image is missing, damaged, or of another size than annotated.
            MaskError: when an annotation of a target cannot be read.
            ConfigurationError: when the split has no such image.
        """
        refs = self._of_image.get(image_id)
        if refs is None:
            raise ConfigurationError(f"expected an image of {self.name}, got the id '{image_id}'")
        about = self._tables.images[refs[0].image]
        image = read_annotated(self.folder, about.file, about.height, about.width)
        targets = {number for ref in refs for number in ref.annotations}
        instances, rows = self._tables.instances(about.id, targets)
        queries = []
        for ref in refs:
            target = self._target(ref, about, instances, rows)
            row = rows.get(ref.annotations[0]) if len(ref.annotations) == 1 else None
            queries += [
                Query(str(said.id), said.text, target, said.kind, row) for said in ref.sentences
            ]
        return Sample(image_id, image, tuple(queries), instances)

    def _target(
        self, ref: Ref, about: ImageRecord, instances: MaskProposals, rows: dict[int, int]
    ) -> BoolArray:
        """Bool (H, W), the union of all that a ref is about."""
        masks = [
            self._annotations[number].mask(about, apart=self._apart)
            if number not in rows or self._apart
            else instances.masks[rows[number]]
            for number in ref.annotations
        ]
        if len(masks) == 1:
            return masks[0]
        nothing = np.zeros((about.height, about.width), np.bool_)
        return np.asarray(np.any([nothing, *masks], axis=0))

    def missing_images(self) -> list[Path]:
        """Files of the split's images that are not there."""
        files = (self._tables.images[int(image)].file for image in self.ids)
        return missing(self.folder, files)


def _split_by(choice: Choice) -> str:
    """Who split it: as asked, or as is usual, or as the folder's name says."""
    known = SPLIT_BY.get(choice.name)
    if choice.split_by is None:
        return known[0] if known else choice.name
    if known and choice.split_by not in known:
        raise ConfigurationError(
            f"expected {choice.name} to be split by {' or '.join(known)}, got "
            f"'{choice.split_by}'; choose one"
        )
    return choice.split_by


def _matched(refs: tuple[Ref, ...], tables: Tables, path: Path) -> dict[int, Annotation]:
    """The annotations that refs name, by id.

    Raises:
        InputError: when images or annotations of refs are not in the tables.
    """
    foreign = [ref.image for ref in refs if ref.image not in tables.images]
    if foreign:
        raise InputError(
            f"expected the images of {path} in {tables.path}, {len(foreign)} of {len(refs)} refs "
            f"are about others (first: {_first(foreign)}); the two files are of different data "
            "sets, put those of one together"
        )
    found = {one.id: one for group in tables.annotations.values() for one in group}
    places = {one.id: place for place, group in tables.annotations.items() for one in group}
    named = [(number, ref.image) for ref in refs for number in ref.annotations]
    lost = [number for number, image in named if places.get(number) != image]
    if lost:
        raise InputError(
            f"expected the annotations of {path} in {tables.path}, {len(lost)} of {len(refs)} refs "
            f"name others (first: {_first(lost)}) or such of another image; fetch both files "
            "from one source"
        )
    return found


def _drawn(refs: tuple[Ref, ...], found: dict[int, Annotation], path: Path) -> tuple[Ref, ...]:
    """The refs about what has a mask; a warning counts the others."""
    drawn = tuple(ref for ref in refs if all(found[one].drawn for one in ref.annotations))
    if len(drawn) < len(refs):
        warnings.warn(
            f"left out {len(refs) - len(drawn)} of {len(refs)} refs of {path}: what they are about "
            "has no mask",
            RefmaskWarning,
            stacklevel=4,
        )
    return drawn


def _first(numbers: list[int]) -> str:
    return ", ".join(map(str, list(dict.fromkeys(numbers))[:3]))
