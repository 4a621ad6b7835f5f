"""RefCOCO, RefCOCO+, RefCOCOg, gRefCOCO and others in REFER's layout, such as the scenes::

ROOT/refcoco/instances.json                     COCO's tables
ROOT/refcoco/refs(unc).p                        REFER's refs; or .json, .parquet
ROOT/grefcoco/grefs(unc).json                   gRefCOCO's, about one thing, several or none
ROOT/images/mscoco/images/train2014/*.jpg       the images
"""

from __future__ import annotations

import warnings
from collections import defaultdict
from functools import cached_property
from pathlib import Path

import numpy as np

from refmask.data import TABLES
from refmask.data.choice import Choice
from refmask.data.files import (
    check_counts,
    fingerprint,
    missing,
    no_image,
    read,
    read_annotated,
)
from refmask.data.refs import ALL, Ref, find_refs, of_split, parse_refs
from refmask.data.tables import Annotation, ImageRecord, Tables, parse_tables
from refmask.errors import ConfigurationError, InputError, RefmaskWarning
from refmask.types import BoolArray, MaskProposals, Query, Sample

#: Where the images may be, below the root.
IMAGES = ("images/mscoco/images/train2014", "images/train2014", "train2014", "images")

#: Who split a data set; the first is the default.
SPLIT_BY = {
    "refcoco": ("unc", "google"),
    "refcoco+": ("unc",),
    "refcocog": ("umd", "google"),
    "grefcoco": ("unc",),
    "scenes": ("scenes",),
    "gscenes": ("scenes",),
}

#: Kinds of expressions by the number of things they refer to, where they may refer to any number.
NUMBER_KINDS = ("none", "one", "several")

#: (name, split by, split) -> published numbers of refs, images and, where known, sentences.
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


class ReferDataset:
    """A split in REFER's layout; an image's expressions come by ref, then by sentence.

    Attributes:
        name: of the data set.
        split: such as "val".
        split_by: who split it.
        refs: of the split, in the file's order.
        categories: class names by id.
        ids: of the images, in the order of their first ref.
        queries: number of expressions.
        may_be_absent: some expressions of the split refer to nothing.
        may_be_several: some expressions of the split refer to several things.
        fingerprint: SHA-256 over the annotation files, the split and the rules.

    Raises:
        ConfigurationError: when the root, the split or who split it does not exist.
        InputError: when a file is missing or damaged, or refs and tables do not match.
    """

    def __init__(self, choice: Choice) -> None:
        self.name, self.split, self._root = choice.name, choice.split, choice.folder
        self.split_by = _split_by(choice)
        folder = self._root / choice.name
        path = find_refs(folder, self.split_by)
        content = read(path)
        refs = of_split(parse_refs(content, path), choice.split, path)
        tables = read(folder / TABLES)
        self._tables = parse_tables(tables, folder / TABLES, {ref.image for ref in refs})
        self.categories = self._tables.categories
        self._annotations = _annotations(refs, self._tables, path)
        self.refs = _with_masks(refs, self._annotations, path)
        self._by_image: dict[str, list[Ref]] = defaultdict(list)
        for ref in self.refs:
            self._by_image[str(ref.image)].append(ref)
        self.ids = tuple(self._by_image)
        self.queries = sum(len(ref.sentences) for ref in self.refs)
        self.may_be_absent = any(not ref.annotations for ref in self.refs)
        self.may_be_several = any(len(ref.annotations) > 1 for ref in self.refs)
        self._apart = choice.overlap_is_background
        rules = (choice.name, self.split_by, choice.split, "apart" if self._apart else "union")
        numbered = ("any number",) if self.may_be_absent or self.may_be_several else ()
        self.fingerprint = fingerprint((*rules, *numbered), content, tables)
        counts = {"refs": len(self.refs), "images": len(self.ids), "sentences": self.queries}
        published = PUBLISHED.get((self.name, self.split_by, self.split), ())
        check_counts(
            f"{self.name} ({self.split_by}) {self.split}",
            counts,
            dict(zip(counts, published, strict=False)),
        )

    @cached_property
    def folder(self) -> Path:
        """The folder of the images."""
        folders = [self._root / path for path in IMAGES]
        return next((folder for folder in folders if folder.is_dir()), folders[0])

    def sample(self, image_id: str) -> Sample:
        """One image with its expressions and its instances, without crowds.

        Raises:
            ImageError: when the image is missing, damaged, or of another size than annotated.
            MaskError: when an annotation of a target cannot be read.
            ConfigurationError: when the split has no such image.
        """
        refs = self._by_image.get(image_id)
        if refs is None:
            raise no_image(self.name, image_id)
        record = self._tables.images[refs[0].image]
        image = read_annotated(self.folder, record.file, record.height, record.width)
        targets = {number for ref in refs for number in ref.annotations}
        instances, rows = self._tables.instances(record.id, targets)
        queries = []
        for ref in refs:
            target = self._target(ref, record, instances, rows)
            row = rows.get(ref.annotations[0]) if len(ref.annotations) == 1 else None
            things, kind = self._number(ref, rows)
            queries += [
                Query(str(s.id), s.text, target, s.kind or kind, row, targets=things)
                for s in ref.sentences
            ]
        flags = self.may_be_absent, self.may_be_several
        return Sample(image_id, image, tuple(queries), instances, *flags)

    def _number(self, ref: Ref, rows: dict[int, int]) -> tuple[tuple[int, ...] | None, str | None]:
        """The rows of what a ref refers to, and which of ``NUMBER_KINDS`` it is.

        Both are None where every expression of the split refers to one thing.
        """
        if not (self.may_be_absent or self.may_be_several):
            return None, None
        # An annotation without a pixel has no row.
        targets = tuple(rows[number] for number in ref.annotations if number in rows)
        return targets, NUMBER_KINDS[min(len(ref.annotations), 2)]

    def _target(
        self, ref: Ref, record: ImageRecord, instances: MaskProposals, rows: dict[int, int]
    ) -> BoolArray:
        """The union of a ref's annotations, bool (H, W)."""
        masks = [
            self._annotations[number].mask(record, apart=self._apart)
            if number not in rows or self._apart
            else instances.masks[rows[number]]
            for number in ref.annotations
        ]
        if len(masks) == 1:
            return masks[0]
        empty = np.zeros((record.height, record.width), np.bool_)
        return np.asarray(np.any([empty, *masks], axis=0))

    def missing_images(self) -> list[Path]:
        """Image files of the split that do not exist."""
        files = (self._tables.images[int(image)].file for image in self.ids)
        return missing(self.folder, files)


def _split_by(choice: Choice) -> str:
    """Who split it: as chosen, by default, or else the folder's name."""
    known = SPLIT_BY.get(choice.name)
    if choice.split_by is None:
        return known[0] if known else choice.name
    if known and choice.split_by not in known:
        raise ConfigurationError(
            f"{choice.name} was not split by '{choice.split_by}'; choose {' or '.join(known)} as "
            "`split_by`"
        )
    return choice.split_by


def _annotations(refs: tuple[Ref, ...], tables: Tables, path: Path) -> dict[int, Annotation]:
    """The annotations of the refs, by id.

    Raises:
        InputError: when images or annotations of refs are not in the tables.
    """
    foreign = [ref.image for ref in refs if ref.image not in tables.images]
    if foreign:
        raise InputError(
            f"{len(foreign)} of {len(refs)} refs in {path} are about images that {tables.path} "
            f"lacks (first: {_first(foreign)}); the two files are of different data sets: put "
            "those of one together"
        )
    found = {a.id: a for annotations in tables.annotations.values() for a in annotations}
    images = {a.id: image for image, some in tables.annotations.items() for a in some}
    named = [(number, ref.image) for ref in refs for number in ref.annotations]
    lost = [number for number, image in named if images.get(number) != image]
    if lost:
        raise InputError(
            f"{len(lost)} of {len(refs)} refs in {path} name annotations that {tables.path} lacks "
            f"or has for another image (first: {_first(lost)}); fetch both files from one source"
        )
    return found


def _with_masks(
    refs: tuple[Ref, ...], annotations: dict[int, Annotation], path: Path
) -> tuple[Ref, ...]:
    """The refs whose annotations have masks; a warning counts the others."""
    usable = tuple(ref for ref in refs if all(annotations[n].drawn for n in ref.annotations))
    if len(usable) < len(refs):
        warnings.warn(
            f"left out {len(refs) - len(usable)} of {len(refs)} refs of {path}: their annotations "
            "have no mask",
            RefmaskWarning,
            stacklevel=4,
        )
    return usable


def _first(numbers: list[int]) -> str:
    return ", ".join(map(str, list(dict.fromkeys(numbers))[:3]))


load = ReferDataset
